"""The quick way to a digest of many rows: byte for byte that of the slow one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.records.canonical import MAX_INTEGER, Json, digest, digest_of_rows

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-MAX_INTEGER, MAX_INTEGER), st.text(max_size=9)
)


@given(st.text(max_size=9), st.lists(st.lists(VALUES, max_size=5), max_size=5))
def test_rows_have_the_digest_of_their_rfc_8785_text(tag: str, rows: list[list[Json]]) -> None:
    """Control characters, quotes, emoji: whatever somebody wrote into a note."""
    value: dict[str, Json] = {"tag": tag, "rows": rows}
    assert digest_of_rows(value, [[tag], *rows]) == digest(value)


def test_rows_within_rows_have_it_too() -> None:
    """Not what the quick way is for, so it must be noticed."""
    rows: list[list[Json]] = [[{"\ue000": 1, "\U0001f600": 2}]]
    assert digest_of_rows({"rows": rows}, rows) == digest({"rows": rows})


@pytest.mark.parametrize("wrong", [MAX_INTEGER + 1, -MAX_INTEGER - 1, "\ud800"])
def test_what_has_no_canonical_text_has_no_digest(wrong: Json) -> None:
    rows = [[1, wrong]]
    with pytest.raises(ValueError, match=r".+"):
        digest_of_rows({"rows": rows}, rows)
