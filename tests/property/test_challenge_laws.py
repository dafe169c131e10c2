from __future__ import annotations

import string
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from shale.registry.client.challenge import Challenge, InvalidChallenge, parse_challenges

TOKEN = st.text(string.ascii_lowercase + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUE = st.text(
    st.characters(codec="latin-1", exclude_characters="\x7f", exclude_categories=["Cc"]), max_size=40
)
PARAMETERS = st.dictionaries(TOKEN, VALUE, max_size=4)
TOKEN68 = st.from_regex(r"[A-Za-z0-9._~+/-]{1,20}={0,2}", fullmatch=True)
CHALLENGE = st.one_of(st.builds(Challenge, TOKEN, PARAMETERS), st.builds(Challenge, TOKEN, token68=TOKEN68))


@given(st.lists(CHALLENGE, max_size=5), st.booleans())
def test_what_is_written_is_read_again(challenges: list[Challenge], in_one: bool) -> None:
    texts = [str(challenge) for challenge in challenges]
    headers = [", ".join(texts)] if in_one else texts
    assert list(parse_challenges(headers)) == challenges


@given(st.lists(st.text(max_size=60), max_size=3))
def test_any_text_is_read_or_refused(headers: list[str]) -> None:
    with suppress(InvalidChallenge):
        parse_challenges(headers)


@given(st.text('Bearer realm=",\\ \tx=/:', max_size=80))
def test_what_is_accepted_is_stable(header: str) -> None:
    try:
        first = parse_challenges([header])
    except InvalidChallenge:
        return
    assert parse_challenges([str(challenge) for challenge in first]) == first
