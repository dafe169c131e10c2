"""Changes of a config in Dockerfile syntax."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from shale.image.changes import InvalidChange, apply_changes
from shale.oci.config import Execution

MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (['CMD ["sh", "-c", "a b"]'], {"Cmd": ["sh", "-c", "a b"]}),
        (["CMD echo $A  b"], {"Cmd": ["/bin/sh", "-c", "echo $A  b"]}),
        (["cmd ['sh']"], {"Cmd": ["/bin/sh", "-c", "['sh']"]}),
        (['ENTRYPOINT ["a"]', "ENTRYPOINT b"], {"Entrypoint": ["/bin/sh", "-c", "b"]}),
        (["ENV A=1 B='x y' C=\"a\\\"b\" D=a\\ b"], {"Env": ["A=1", "B=x y", 'C=a"b', "D=a b"]}),
        (["ENV A 1 and more", "ENV B=", "ENV A=2"], {"Env": ["A=2", "B="]}),
        (["EXPOSE 80 53/UDP 8000-8002"],
         {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {}}}),
        (['LABEL a=1 "b c"="d e"', "LABEL a=2"], {"Labels": {"a": "2", "b c": "d e"}}),
        (["USER 1000:1000"], {"User": "1000:1000"}),
        (["VOLUME /a /b", 'VOLUME ["/c d"]'], {"Volumes": {"/a": {}, "/b": {}, "/c d": {}}}),
        (["WORKDIR /a", "WORKDIR b", "WORKDIR ../c/./d"], {"WorkingDir": "/a/c/d"}),
        (["WORKDIR ../../.."], {"WorkingDir": "/"}),
        (["STOPSIGNAL SIGINT"], {"StopSignal": "SIGINT"}),
        (["ONBUILD RUN make", "ONBUILD COPY . ."], {"OnBuild": ["RUN make", "COPY . ."]}),
        (["HEALTHCHECK --interval=1m30s --retries=3 CMD curl x"],
         {"Healthcheck": {"Test": ["CMD-SHELL", "curl x"], "Interval": 90 * 10**9, "Retries": 3}}),
        (['HEALTHCHECK --timeout=1m CMD ["a", "b"]'],
         {"Healthcheck": {"Test": ["CMD", "a", "b"], "Timeout": MINUTE}}),
        (["HEALTHCHECK NONE"], {"Healthcheck": {"Test": ["NONE"]}}),
    ],
)  # fmt: skip
def test_instructions_change_the_config(changes: list[str], expected: dict[str, Any]) -> None:
    assert json.loads(msgspec.json.encode(apply_changes(Execution(), changes))) == expected


@pytest.mark.parametrize(
    "change",
    ["", "RUN x", "FROM x", "CMD", "ENV A", "ENV =1", "ENV A='1", "EXPOSE 0", "EXPOSE 70000", "EXPOSE 9-8",
     "EXPOSE 80/xyz", "EXPOSE a", "USER a b", "STOPSIGNAL", "ONBUILD ONBUILD RUN x", "ONBUILD FROM x",
     "HEALTHCHECK", "HEALTHCHECK x", "HEALTHCHECK NONE x", "HEALTHCHECK --interval=x CMD y",
     "HEALTHCHECK --interval=-1s CMD y", "HEALTHCHECK --what=1s CMD y", "HEALTHCHECK CMD", 'VOLUME [""]'],
)  # fmt: skip
def test_what_is_no_change_is_refused(change: str) -> None:
    with pytest.raises(InvalidChange):
        apply_changes(Execution(), [change])
