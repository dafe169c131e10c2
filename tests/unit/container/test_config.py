from __future__ import annotations

import pytest

from shale.container.config import make_spec
from shale.container.failures import NoCommand
from shale.container.spec import ContainerSpec, decode_spec
from shale.oci.config import Execution
from shale.runtime.firstprocess import SEARCH_PATH, environment
from shale.runtime.wishes import Network, RunWishes, decode_wishes

ID = "0123456789ab" + "c" * 52
IMAGE = Execution(
    entrypoint=("/entry", "-x"), cmd=("serve",), env=("PATH=/bin", "A=1"), user="web", working_dir="/srv",
    labels={"from": "image", "both": "image"}, stop_signal="SIGQUIT", exposed_ports={"80/tcp": {}},
)  # fmt: skip


def spec(wishes: RunWishes, image: Execution = IMAGE) -> ContainerSpec:
    return make_spec(image, wishes, container=ID, name="app", hostname="host")


def test_nothing_wished_is_as_the_image_says() -> None:
    made = spec(RunWishes())
    assert made.command == ["/entry", "-x", "serve"]
    config = made.config
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("web", "/srv", "SIGQUIT")
    assert config["Env"] == ["PATH=/bin", "A=1"]
    assert (config["Hostname"], config["Image"]) == (ID[:12], "app")
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert not made.remove


@pytest.mark.parametrize(
    ("wishes", "command"),
    [
        (RunWishes(args=("other",)), ["/entry", "-x", "other"]),
        (RunWishes(entrypoint=("/new",)), ["/new"]),
        (RunWishes(entrypoint=("/new",), args=("a", "b")), ["/new", "a", "b"]),
        (RunWishes(entrypoint=(), args=("sh",)), ["sh"]),
    ],
)
def test_what_replaces_what_of_the_command(wishes: RunWishes, command: list[str]) -> None:
    assert spec(wishes).command == command


@pytest.mark.parametrize(
    ("wishes", "image"),
    [
        (RunWishes(), Execution()),
        (RunWishes(entrypoint=()), IMAGE),
        (RunWishes(args=("",)), Execution()),
    ],
)
def test_no_command(wishes: RunWishes, image: Execution) -> None:
    with pytest.raises(NoCommand, match="no command specified"):
        spec(wishes, image)


def test_what_is_no_variable_of_the_image_takes_none_away() -> None:
    """As the process itself has it, or its command would be looked for elsewhere than it runs."""
    image = Execution(cmd=("sh",), env=("PATH", "A=1", "A", "=x"))
    assert spec(RunWishes(), image).config["Env"] == [f"PATH={SEARCH_PATH}", "A=1"]
    process = environment(image, RunWishes(), home="/", hostname="h")
    assert set(process) == {f"PATH={SEARCH_PATH}", "A=1", "HOME=/", "HOSTNAME=h"}


def test_variables_and_labels_over_those_of_the_image() -> None:
    made = spec(RunWishes(env=("A=2", "B=3", "PATH"), labels={"both": "own", "new": "1"}))
    assert made.config["Env"] == ["A=2", "B=3"]
    assert made.labels == {"from": "image", "both": "own", "new": "1"}
    assert spec(RunWishes(), Execution(cmd=("x",))).config["Env"][0].startswith("PATH=/usr/local/sbin:")


def test_a_hosts_name_on_its_network() -> None:
    assert spec(RunWishes(network=Network.HOST)).config["Hostname"] == "host"
    assert spec(RunWishes(network=Network.HOST, hostname="own")).config["Hostname"] == "own"


def test_what_is_kept_is_read() -> None:
    wishes = RunWishes(tty=True, interactive=True, network=Network.HOST)
    made = spec(wishes)
    assert (made.config["Tty"], made.config["OpenStdin"]) == (True, True)
    again = decode_spec(made.encode())
    assert (again.config, again.remove) == (made.config, False)
    assert decode_wishes(again.wishes) == wishes
