"""Layers as folders in a user namespace: stacked by an ordinary user, who is root there and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def in_namespace(program: str, *arguments: str) -> str:
    """Run a program as root of a user namespace that has a single user; what it prints."""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_a_stack_is_the_merged_tree(tmp_path: Path) -> None:
    assert in_namespace(COMPARE, str(tmp_path)) == "compared\n"


def test_the_probe_finds_the_form_that_works(tmp_path: Path) -> None:
    lines = in_namespace(PROBE, str(tmp_path)).splitlines()
    assert lines[0] == "tree-one True"
    assert lines[1].startswith("tree-one works here; erofs does not work here: ")


PROBE = """
import os, sys
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.probe import Candidate, probe
from shale.snapshot.tree import TreeForm

root = os.open(sys.argv[1], os.O_RDONLY)
candidates = [Candidate(ErofsForm()), Candidate(TreeForm(user=True, keep_owner=False), user=True)]
verdict = probe(root, candidates)
print(verdict.name, verdict.chosen.user)
print(verdict.reason)
"""

COMPARE = """
import os, sys
from pathlib import Path

from chains import as_seen, opener, random_chain
from mounted_trees import read_tree
from shale.errors import Invalid
from shale.oci.digest import DiffID
from shale.snapshot.copying import powers_over, write_merged
from shale.snapshot.merge import correct
from shale.snapshot.overlay import stack_of
from shale.snapshot.tree import TreeForm

form = TreeForm(user=True, keep_owner=False)


def folder(path):
    path.mkdir(parents=True)
    return os.open(path, os.O_RDONLY)


def stacked(tars, place):
    layers, roots = folder(place), []

    def build(name, tar):
        builder = form.builder(layers, name)
        builder.feed(tar)
        loose = builder.finish().loose
        form.verify(layers, name, DiffID.of(tar))
        roots.insert(0, form.open(layers, name))
        return loose

    loose = [build(str(number), tar) for number, tar in enumerate(tars)]
    correction = correct([opener(tar) for tar in tars], loose)
    if correction is not None:
        build("correction", b"".join(correction))
    view = stack_of(roots, user=True).view()
    for descriptor in (layers, *roots):
        os.close(descriptor)
    return view


compared = 0
for seed in range(60):
    tars, place = random_chain(seed), Path(sys.argv[1], str(seed))
    try:
        view = stacked(tars, place / "layers")
        merged = folder(place / "merged")
        write_merged([opener(tar) for tar in tars], merged, powers_over(merged))
    except Invalid:
        continue
    assert as_seen(read_tree(view)) == as_seen(read_tree(merged)), seed
    os.close(view)
    os.close(merged)
    compared += 1
print("compared" if compared > 20 else f"only {compared} were good")
"""
