"""Where a copy or an export goes is never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.canonical import ContentError
from tms_console.screens.typed_path import typed_path


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "No place"),
        ("  ", "No place"),
        ("backups", "not clear in which folder"),
        ("../backups", "not clear in which folder"),
        ("/backups/a\0b", "not printed"),
        ("/backups/\u202ebd.", "not printed"),
        ("~nobody-of-this-name/x", "no such person"),
    ],
)
def test_a_place_that_is_none_is_refused_with_an_example(typed: str, why: str) -> None:
    with pytest.raises(ContentError, match=why) as refused:
        typed_path(typed, "/srv/backups")
    assert str(refused.value).endswith("such as /srv/backups")


def test_a_whole_path_is_taken_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/meyer")
    assert typed_path(" /srv/my backups ", "x") == Path("/srv/my backups")
    assert typed_path("~/backups", "x") == Path("/home/meyer/backups")
