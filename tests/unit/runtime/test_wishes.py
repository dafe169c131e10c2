"""What a container was asked for is kept as JSON, and comes back the same."""

from __future__ import annotations

import pytest

from shale.oci.document import InvalidDocument
from shale.runtime.wishes import (
    BindMount,
    DeviceWish,
    Network,
    Propagation,
    ResourceLimit,
    RunWishes,
    TmpfsMount,
    VolumeMount,
    decode_wishes,
    encode_wishes,
)


def test_nothing_asked_for_is_nothing_kept() -> None:
    assert encode_wishes(RunWishes()) == "{}"
    assert decode_wishes("{}") == RunWishes()


def test_everything_comes_back() -> None:
    wishes = RunWishes(
        args=("sh", "-c", "true"),
        entrypoint=(),
        env=("A=b", "GONE"),
        mounts=(
            BindMount(source="/a", target="/b", propagation=Propagation.RSLAVE, create=True),
            TmpfsMount(target="/run", size=5, options=("exec",)),
            VolumeMount(target="/data", read_only=True),
        ),
        devices=(DeviceWish(source="/dev/fuse", target="/dev/fuse", permissions="rw"),),
        network=Network.HOST,
        extra_hosts=(("db", "10.0.0.1"),),
        labels={"team": "base"},
        pids_limit=None,
        ulimits=(ResourceLimit(name="nofile", soft=1, hard=-1),),
        no_new_privileges=False,
    )
    assert decode_wishes(encode_wishes(wishes)) == wishes


def test_no_entrypoint_is_not_the_same_as_the_image_s() -> None:
    assert decode_wishes(encode_wishes(RunWishes(entrypoint=()))).entrypoint == ()
    assert decode_wishes(encode_wishes(RunWishes())).entrypoint is None


def test_a_field_of_a_later_shale_is_skipped() -> None:
    assert decode_wishes('{"tty": true, "gravity": 2}') == RunWishes(tty=True)


@pytest.mark.parametrize("text", ["", "[]", '{"tty": 1}', '{"mounts": [{"type": "nfs", "target": "/"}]}'])
def test_what_is_no_wish_is_an_error(text: str) -> None:
    with pytest.raises(InvalidDocument):
        decode_wishes(text)


def test_a_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InvalidDocument):
        encode_wishes(RunWishes(args=("\udcff",)))
