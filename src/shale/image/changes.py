"""Changes to an image's config in Dockerfile syntax, as `import --change` takes them.

One instruction a line, without variables, continuations or heredocs. The whole language is the floor
`dockerfile` of a later issue, which will take the place of this module's parser.

Specification: docs.docker.com "Dockerfile reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from shale.errors import Invalid
from shale.image.instants import InvalidDuration, parse_duration
from shale.oci.config import Execution

__all__ = ["InvalidChange", "apply_changes"]

_SHELL: Final = ("/bin/sh", "-c")
_PORT: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?\Z", re.IGNORECASE)


class InvalidChange(Invalid):
    """A text after --change is not an instruction that can change a config."""


def apply_changes(config: Execution, changes: Sequence[str]) -> Execution:
    """Apply instructions in order.

    Args:
        config: what there is.
        changes: for example `CMD ["sh"]`, `ENV A=1 B="2 3"`, `EXPOSE 80/tcp`.

    Raises:
        InvalidChange: an instruction is unknown, not possible here, or malformed.
    """
    for change in changes:
        word, _, rest = change.strip().partition(" ")
        apply = _INSTRUCTIONS.get(word.upper())
        if apply is None:
            raise InvalidChange(
                f"{word[:40] or 'an empty text'} is not a valid change command; there are: "
                + ", ".join(_INSTRUCTIONS)
            )
        if not rest.strip():
            raise InvalidChange(f"{word.upper()} requires at least one argument")
        config = apply(config, rest.strip())
    return config


def _command(text: str) -> tuple[str, ...]:
    """The JSON form, or a line for the shell."""
    return _json_words(text) or (*_SHELL, text)


def _json_words(text: str) -> tuple[str, ...]:
    if not text.startswith("["):
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else ()


def _words(text: str) -> list[str]:
    """Words, of which quotes are taken away and in which a backslash protects the next character."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word = [*(word or []), next(letters, "\\")]
        elif quote:
            if letter == quote:
                quote = ""
            else:
                word = [*(word or []), letter]
        elif letter in "\"'":
            quote, word = letter, word or []
        elif letter.isspace():
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [*(word or []), letter]
    if quote:
        raise InvalidChange(f"a quote is not closed in {text[:140]!r}")
    return [*words, "".join(word)] if word is not None else words


def _pairs(instruction: str, text: str) -> dict[str, str]:
    """`A=1 B="2 3"`, or the old form `A everything else`."""
    first = text.split(None, 1)
    if "=" not in first[0]:
        if len(first) != 2:
            raise InvalidChange(f"{instruction} must have two arguments, or name=value: {text[:140]!r}")
        return {first[0]: " ".join(_words(first[1])) if instruction == "LABEL" else first[1]}
    pairs: dict[str, str] = {}
    for word in _words(text):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidChange(f"{instruction}: {word[:140]!r} is not name=value")
        pairs[name] = value
    return pairs


def _cmd(config: Execution, text: str) -> Execution:
    return msgspec.structs.replace(config, cmd=_command(text))


def _entrypoint(config: Execution, text: str) -> Execution:
    return msgspec.structs.replace(config, entrypoint=_command(text))


def _env(config: Execution, text: str) -> Execution:
    env = list(config.env or ())
    for name, value in _pairs("ENV", text).items():
        place = next((at for at, one in enumerate(env) if one.partition("=")[0] == name), len(env))
        env[place : place + 1] = [f"{name}={value}"]
    return msgspec.structs.replace(config, env=tuple(env))


def _expose(config: Execution, text: str) -> Execution:
    ports: dict[str, Any] = dict(config.exposed_ports or {})
    for word in _words(text):
        match = _PORT.match(word)
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else 0
        if match is None or not 0 < first <= last <= 65535:
            raise InvalidChange(f"EXPOSE: invalid port {word[:40]!r}; PORT[-PORT][/tcp|/udp|/sctp] is expected")
        ports.update({f"{port}/{(match[3] or 'tcp').lower()}": {} for port in range(first, last + 1)})
    return msgspec.structs.replace(config, exposed_ports=ports)


def _label(config: Execution, text: str) -> Execution:
    return msgspec.structs.replace(config, labels={**(config.labels or {}), **_pairs("LABEL", text)})


def _user(config: Execution, text: str) -> Execution:
    return msgspec.structs.replace(config, user=_one("USER", text))


def _volume(config: Execution, text: str) -> Execution:
    named = _json_words(text) or tuple(_words(text))
    if not all(named):
        raise InvalidChange("VOLUME: a volume cannot have an empty path")
    return msgspec.structs.replace(config, volumes={**(config.volumes or {}), **{one: {} for one in named}})


def _workdir(config: Execution, text: str) -> Execution:
    folder = " ".join(_words(text))
    absolute = folder if folder.startswith("/") else f"{config.working_dir or '/'}/{folder}"
    parts: list[str] = []
    for part in absolute.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return msgspec.structs.replace(config, working_dir="/" + "/".join(parts))


def _stopsignal(config: Execution, text: str) -> Execution:
    return msgspec.structs.replace(config, stop_signal=_one("STOPSIGNAL", text))


def _onbuild(config: Execution, text: str) -> Execution:
    word = text.split(None, 1)[0].upper()
    if word in ("ONBUILD", "FROM", "MAINTAINER"):
        raise InvalidChange(f"{word} is not allowed as an ONBUILD trigger")
    return msgspec.structs.replace(config, on_build=(*(config.on_build or ()), text))


def _healthcheck(config: Execution, text: str) -> Execution:
    check: dict[str, Any] = {}
    while text.startswith("--"):
        option, _, text = text.partition(" ")
        text = text.lstrip()
        name, _, value = option[2:].partition("=")
        field = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}.get(name)
        if field is not None:
            check[field] = _duration(name, value)
        elif name == "retries" and value.isascii() and value.isdigit():
            check["Retries"] = int(value)
        else:
            raise InvalidChange(f"HEALTHCHECK: unknown or malformed option {option[:60]!r}")
    word, _, rest = text.partition(" ")
    if word.upper() == "NONE" and not rest.strip():
        check = {"Test": ["NONE"]}
    elif word.upper() == "CMD" and rest.strip():
        words = _json_words(rest.strip())
        check = {"Test": ["CMD", *words] if words else ["CMD-SHELL", rest.strip()], **check}
    else:
        raise InvalidChange("HEALTHCHECK must be CMD with a command, or NONE")
    return msgspec.structs.replace(config, healthcheck=check)


def _duration(name: str, text: str) -> int:
    """Nanoseconds of a Go duration: `1m30s`."""
    try:
        found = parse_duration(text)
    except InvalidDuration as error:
        raise InvalidChange(f"HEALTHCHECK: --{name}: {error.message}") from error
    if found < 0:
        raise InvalidChange(f"HEALTHCHECK: --{name}={text[:40]} is negative")
    return found


def _one(instruction: str, text: str) -> str:
    words = _words(text)
    if len(words) != 1:
        raise InvalidChange(f"{instruction} requires exactly one argument")
    return words[0]


_INSTRUCTIONS: Final[dict[str, Callable[[Execution, str], Execution]]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
