from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shale.oci.config import Execution
from shale.runtime.host import examine_host
from shale.runtime.standalone import standalone_spec

HOST = examine_host()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:101:102::/srv:/bin/sh\n")
    handle = os.open(tmp_path, os.O_RDONLY)
    yield handle
    os.close(handle)


def test_the_bundle_of_root_says_who_the_image_wants(root: int) -> None:
    image = Execution(user="web", env=("A=b",), cmd=("serve",), working_dir="/srv")
    spec, notes = standalone_spec(image, root, HOST, "name", None)
    assert notes == ()
    assert (spec["process"]["user"]["uid"], spec["process"]["user"]["gid"]) == (101, 102)
    assert (spec["process"]["args"], spec["process"]["cwd"]) == (["serve"], "/srv")
    assert {"A=b", "HOME=/srv", "HOSTNAME=name"} <= set(spec["process"]["env"])
    assert spec["root"] == {"path": "rootfs", "readonly": False}
    assert {"type": "user"} not in spec["linux"]["namespaces"]
    assert {"type": "network"} in spec["linux"]["namespaces"]
    assert spec["linux"]["seccomp"]
    assert "cgroupsPath" not in spec["linux"]
    assert not any(mount["type"] == "bind" for mount in spec["mounts"])


def test_the_bundle_of_a_user_asks_for_a_namespace(root: int) -> None:
    spec, notes = standalone_spec(Execution(user="web"), root, HOST, "name", (1000, 1001))
    assert notes == ("the image's user 101 is not yours to give: config.json says root",)
    assert spec["process"]["user"]["uid"] == 0
    assert "additionalGids" not in spec["process"]["user"]
    assert {"type": "user"} in spec["linux"]["namespaces"]
    assert spec["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 1000, "size": 1}]
    assert spec["linux"]["gidMappings"] == [{"containerID": 0, "hostID": 1001, "size": 1}]
    assert "devices" not in spec["linux"]["resources"]


def test_labels_of_an_image_are_no_orders_to_a_runtime(root: int) -> None:
    image = Execution(labels={"io.podman.annotations.privileged": "true"})
    spec, _ = standalone_spec(image, root, HOST, "name", None)
    assert spec["process"]["args"] == ["sh"]
    assert spec["process"]["noNewPrivileges"]
    assert not {"hooks", "annotations"} & set(spec)
