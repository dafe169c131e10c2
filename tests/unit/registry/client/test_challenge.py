from __future__ import annotations

import pytest

from shale.registry.client.challenge import (
    Bearer,
    Challenge,
    InvalidChallenge,
    bearer_in,
    parse_challenges,
)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([""], []),
        ([" , ,"], []),
        (["Basic"], [Challenge("basic")]),
        (["BASIC realm=x"], [Challenge("basic", {"realm": "x"})]),
        (['Basic realm="a \\"b\\" \\\\"'], [Challenge("basic", {"realm": 'a "b" \\'})]),
        (["Basic realm=\"a, Bearer realm='b'\""], [Challenge("basic", {"realm": "a, Bearer realm='b'"})]),
        (
            ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'],
            [
                Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
                Challenge("basic", {"realm": "simple"}),
            ],
        ),
        (["Negotiate", "Basic x=y"], [Challenge("negotiate"), Challenge("basic", {"x": "y"})]),
        (["Negotiate, Basic x=y"], [Challenge("negotiate"), Challenge("basic", {"x": "y"})]),
        (
            ["Negotiate a2V5Cg==, Basic x=y"],
            [Challenge("negotiate", token68="a2V5Cg=="), Challenge("basic", {"x": "y"})],
        ),
        (['Bearer realm = "x" , ,Service\t=\ty'], [Challenge("bearer", {"realm": "x", "service": "y"})]),
        (
            ["Bearer realm=https://a.example/token?x=1,service=s"],
            [Challenge("bearer", {"realm": "https://a.example/token?x=1", "service": "s"})],
        ),
        (['Bearer realm=""'], [Challenge("bearer", {"realm": ""})]),
        (["Bearer ,realm=x"], [Challenge("bearer", {"realm": "x"})]),
    ],
)
def test_reads(headers: list[str], expected: list[Challenge]) -> None:
    assert list(parse_challenges(headers)) == expected


@pytest.mark.parametrize(
    "header",
    [
        '="x"',
        'Bearer realm="x',
        'Bearer realm="x\\',
        'Bearer realm="x"y',
        'Bearer realm="x" service="y"',
        "Bearer realm=a b",
        'Bearer realm=a"b"',
        'Bearer realm="a", realm="b"',
        'Bearer realm="a", REALM="b"',
        'Bearer "x"',
        "(x)",
        'Bearer realm="a\x00b"',
        'Bearer realm="a\r\nX: b"',
        "Bearer realm=" + "a" * 17_000,
        ",".join(["Basic x=y"] * 33),
    ],
)
def test_refuses_what_is_malformed(header: str) -> None:
    with pytest.raises(InvalidChallenge):
        parse_challenges([header])


def test_a_long_malformed_header_is_not_shown_whole() -> None:
    with pytest.raises(InvalidChallenge) as caught:
        parse_challenges(["Bearer a=b, " + '"' * 9000])
    assert len(caught.value.message) < 400


def test_finds_what_to_ask_the_token_service() -> None:
    header = (
        'Basic realm="x", Bearer realm="https://t.example/",service="r",scope="a:b:pull",error="invalid_token"'
    )
    assert bearer_in(parse_challenges([header])) == Bearer(
        "https://t.example/", "r", "a:b:pull", "invalid_token"
    )
    assert bearer_in(parse_challenges(["Basic realm=x"])) is None
    with pytest.raises(InvalidChallenge, match="where to get it"):
        bearer_in(parse_challenges(["Bearer service=r"]))
