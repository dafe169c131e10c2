"""Which test shows that a known failure of other engines is none of shale's: every row of the list of threats.

The list is that of the field (`threats.tsv`, beside the test vectors). Here are its classes about images that
are pulled and run; a row that nobody claims fails, and so does a claim on a test that is not there.
"""

from __future__ import annotations

import ast
import csv
from functools import cache
from pathlib import Path

import pytest

from hostile_layers import shapes
from shared_vectors import VECTORS

TESTS = Path(__file__).resolve().parents[1]
CLASSES = ("layer-extract", "confusion", "config", "runtime")
SHAPES = "integration/test_hostile_images.py::test_a_hostile_image_harms_nobody"
RUNS = "integration/test_hostile_runs.py::test_an_image_that_asks_for_too_much_is_not_run"
TAMED = "integration/test_hostile_runs.py::test_an_image_that_asks_for_too_much_gets_no_more"
CONFIGS = "integration/test_hostile_configs.py::test_"
READING = "unit/image/archive/test_reading.py::test_"
MANIFESTS = "faults/test_bad_documents_images.py::test_a_manifest_that_lies"
LAYERS = "faults/test_bad_layers_images.py::test_a_layer_that_is_not_what_the_config_says"

CLAIMED: dict[str, tuple[str, ...]] = {
    "CVE-2014-6407": (f"{SHAPES}[symlink absolute]", f"{SHAPES}[hard link absolute]"),
    "CVE-2014-9356": (f"{SHAPES}[symlink absolute new]", f"{SHAPES}[planted symlink, written]"),
    "CVE-2014-9357": ("integration/test_running_container_files.py::test_nothing_of_the_container_is_run",),
    "CVE-2014-9358": (f"{READING}names_that_lead_out_of_an_archive_are_refused",
                      f"{READING}a_digest_in_an_index_is_never_a_path"),
    "CVE-2016-7569": (f"{SHAPES}[name deep up]",),
    "CVE-2017-14992": ("integration/test_bombs.py::test_zeros_without_end_are_inflated_as_far_as_the_limit",),
    "CVE-2021-20291": (f"{LAYERS}[half a gzip]", "integration/test_bombs.py::test_a_bomb_is_refused"),
    "CVE-2021-29136": (f"{SHAPES}[root made a symlink (CVE-2021-29136)]",),
    "CVE-2021-32760": (f"{SHAPES}[hard link to a symlink, chmod (CVE-2021-32760)]",),
    "CVE-2024-9676": (f"{RUNS}[accounts that are a pipe (CVE-2024-9676)]",
                      f"{SHAPES}[fifo opened (CVE-2024-9676)]"),
    "CVE-2024-24579": (f"{SHAPES}[name far up]",),
    "CVE-2025-47290": (
        "unit/layer/test_apply_hostile.py::test_a_folder_that_another_process_moves_is_not_followed",
    ),
    "CVE-2025-11395": (f"{SHAPES}[planted symlink, changed]", f"{CONFIGS}a_volume_does_not_copy_from_outside"),
    "CVE-2026-17106": (f"{SHAPES}[hard link through a symlink]", f"{SHAPES}[symlink overridden on the path]"),
    "CVE-2026-50163": (f"{SHAPES}[hard link to a name of this process (CVE-2026-50163)]",),
    "CVE-2026-79699": (f"{SHAPES}[whiteout with an empty name (CVE-2026-79699)]",),
    "CVE-2026-95838": (
        "integration/test_bombs.py::test_many_opaque_whiteouts_are_no_more_work_than_many_files",
        "unit/layer/test_whiteouts.py::test_many_opaque_whiteouts_look_through_a_folder_once",
    ),
    "containerd 0205398ac": (f"{SHAPES}[device beyond numbers]",),
    "containerd ba50a5645": (
        "unit/layer/test_apply_hostile.py::test_a_folder_that_another_process_moves_is_not_followed",
        f"{SHAPES}[attributes through a symlink]",
    ),
    "GHSA-697p-8837-37h3 / GHSA-g3rx-2m58-rr63": (
        f"{SHAPES}[long name]",
        "integration/test_bombs.py::test_a_bomb_is_refused[the name of an attribute, too long]",
    ),
    "CVE-2014-8178": (f"{LAYERS}[another DiffID]",
                      f"{READING}content_that_is_not_what_its_digest_says_gets_no_name"),
    "CVE-2014-8179": ("faults/test_bad_documents_images.py::test_a_digest_gets_its_own_bytes_or_nothing",
                      "unit/oci/test_documents.py::test_of_a_key_that_stands_twice_the_last_counts"),
    "CVE-2021-41190": (f"{MANIFESTS}[declared as an index]", f"{MANIFESTS}[two kinds at once]"),
    "CVE-2024-3727": (f"{MANIFESTS}[a path for a digest]",),
    "GHSA-f689-h8m7-3jp2": (f"{MANIFESTS}[a path for a digest]",
                            f"{READING}a_digest_in_an_index_is_never_a_path"),
    "CVE-2026-95839": (
        "integration/test_hostile_documents.py::test_a_descriptor_with_annotations_and_no_digest",
    ),
    "CVE-2017-11468": (f"{MANIFESTS}[endless]",),
    "CVE-2020-1702": (f"{MANIFESTS}[huge, length unsaid]", f"{MANIFESTS}[a huge config]"),
    "CVE-2023-25153": (f"{READING}documents_that_are_too_large_are_not_read",),
    "CVE-2024-36620 (GO-2024-3311)": (
        "integration/test_hostile_documents.py::test_a_history_that_tells_nothing_is_shown_as_it_is",
    ),
    "CVE-2025-62725": ("faults/test_bad_layers_images.py::test_annotations_and_labels_are_text",),
    "moby 20.10.20": (
        "faults/test_bad_hosts_images.py::test_a_digest_is_asked_of_the_repository_that_is_named",
    ),
    "CVE-2022-23648": (f"{TAMED}[volumes out of the root (CVE-2022-23648)]",),
    "CVE-2022-24769/27649/29162": ("integration/test_runtime.py::test_the_first_process_is_held_back",),
    "CVE-2022-36109": (f"{CONFIGS}a_group_is_never_lost",),
    "CVE-2024-40635": (f"{RUNS}[a user beyond 31 bits (CVE-2024-40635)]",),
    "CVE-2026-46680": (f"{TAMED}[a number that is a name (CVE-2026-46680)]",),
    "CVE-2026-47262": (f"{RUNS}[accounts without end (CVE-2026-47262)]",),
    "CVE-2026-53488": (f"{TAMED}[labels that are orders (CVE-2026-53488)]",),
    # There are no checkpoints here to import; what is left of it are names, links and annotations.
    "CVE-2026-50195/53489/53492": (f"{READING}free_text_in_annotations_names_nothing",
                                   f"{TAMED}[labels that are orders (CVE-2026-53488)]"),
    "CVE-2019-5736": (f"{TAMED}[the program that runs it (CVE-2019-5736)]",),
    "CVE-2021-30465": (f"{CONFIGS}a_mount_whose_way_leads_out_of_another_mount",),
    "CVE-2023-25809/27561/28642": ("integration/test_runtime_user.py::test_what_it_may_not_do",
                                   f"{RUNS}[/proc that is a link (CVE-2023-27561)]"),
    "CVE-2024-21626": (f"{RUNS}[a folder that is a descriptor (CVE-2024-21626)]",
                       "integration/test_runtime.py::test_no_descriptor_of_the_host_is_open"),
    "CVE-2024-45310": (f"{TAMED}[files of the runtime that are links (CVE-2024-45310)]",),
    "CVE-2025-31133/52565/52881": (f"{TAMED}[devices that are links (CVE-2025-31133, CVE-2025-52565)]",
                                   f"{RUNS}[hosts that lead to the kernel]"),
    "CVE-2026-41579": (f"{RUNS}[/dev that is a link (CVE-2026-41579)]",),
    "CVE-2026-31431": (
        "integration/test_images_in_use.py::test_programs_have_the_sockets_that_they_need_and_no_others",
    ),
}  # fmt: skip


def rows() -> list[str]:
    """The rows of these classes, by what they are called."""
    with (VECTORS.parent / "threats.tsv").open(encoding="utf-8", newline="") as file:
        return [row["id"] for row in csv.DictReader(file, delimiter="\t") if row["class"] in CLASSES]


@cache
def parsed(path: str) -> tuple[frozenset[str], frozenset[object]]:
    """The tests of a file, and every text in it."""
    nodes = list(ast.walk(ast.parse((TESTS / path).read_text(encoding="utf-8"))))
    functions = frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))
    return functions, frozenset(node.value for node in nodes if isinstance(node, ast.Constant))


def test_every_row_is_claimed_and_nothing_else() -> None:
    assert len(rows()) == len(set(rows()))
    assert set(rows()) == set(CLAIMED)


@pytest.mark.parametrize("row", CLAIMED)
def test_a_claim_names_tests_that_are_there(row: str) -> None:
    for claim in CLAIMED[row]:
        path, _, test = claim.partition("::")
        name, _, parameter = test.rstrip("]").partition("[")
        functions, texts = parsed(path)
        assert name in functions, claim
        assert not parameter or parameter in texts or parameter in shapes("/x/victim"), claim
