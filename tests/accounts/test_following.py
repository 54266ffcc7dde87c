"""What came after a moment at which all was checked: linked, and where this console left it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.accounts.people import Clinic, make_clinic
from tests.accounts.tampering import Hand, tampering
from tms_console.accounts import following
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.following import MOST_TRIES, written_since
from tms_console.accounts.vouching import remembered
from tms_console.records.heads import ChainHead, KeptHeads
from tms_console.records.operations import AuditNote
from tms_console.records.values import new_uid


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


def head(clinic: Clinic) -> ChainHead:
    with clinic.station.trusting() as trusted:
        return trusted.head


def note(clinic: Clinic) -> None:
    clinic.station.write(
        AuditNote(uid=new_uid(), actor="console", action="note.made", subject="x", detail="y")
    )


def test_nothing_written_is_nothing_new(clinic: Clinic) -> None:
    known = head(clinic)
    links = written_since(clinic.station.database, known)
    assert (links.seq, links.hash, links.registry) == (known.seq, known.hash, ())


def test_what_was_written_is_told_without_what_no_gate_rests_on(clinic: Clinic) -> None:
    known = head(clinic)
    note(clinic)
    clinic.station.seal("a signature")
    links = written_since(clinic.station.database, known)
    assert links.seq == known.seq + 2
    assert [row.subject.partition(":")[0] for row in links.registry] == ["seal"]
    later = replace(known, seq=links.seq, hash=links.hash)
    assert written_since(clinic.station.database, later).registry == ()


def cut(hand: Hand) -> None:
    hand.cut(hand.newest() - 1)


def rewritten(hand: Hand) -> None:
    hand.execute("UPDATE audit SET actor = 'nobody' WHERE seq = ?", hand.newest() - 1)
    hand.rehash(hand.newest() - 1)


def edited(hand: Hand) -> None:
    hand.execute("UPDATE audit SET actor = 'nobody' WHERE seq = ?", hand.newest())


def appended(hand: Hand) -> None:
    hand.append("note.made", "nothing", {"text": "nothing"})


@pytest.mark.parametrize(
    ("attack", "code"),
    [(cut, "exchanged"), (rewritten, "exchanged"), (edited, "exchanged"), (appended, "appended")],
    ids=["cut", "rewritten", "edited", "appended"],
)
def test_what_this_console_did_not_write_is_not_believed(
    clinic: Clinic, attack: object, code: str
) -> None:
    note(clinic)
    known = head(clinic)
    with tampering(clinic.path) as hand:
        attack(hand)  # type: ignore[operator]
    with pytest.raises(NotTrusted) as refusal:
        written_since(clinic.station.database, known)
    assert refusal.value.code == code


def test_rows_cut_after_the_moment_are_missed_too(clinic: Clinic) -> None:
    """The withdrawal that somebody wants nobody to have seen."""
    known = head(clinic)
    note(clinic)
    with tampering(clinic.path) as hand:
        cut(hand)
    with pytest.raises(NotTrusted, match="does not end where this console left it"):
        written_since(clinic.station.database, known)


def test_a_write_between_the_two_looks_is_no_alarm(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another window writes while a session asks: it is looked again, not believed in half."""
    known, true, written = head(clinic), remembered, list[int]()

    def late(uid: str) -> KeptHeads | None:
        kept = true(uid)
        if not written:
            written.append(1)
            note(clinic)
            note(clinic)
        return kept

    monkeypatch.setattr(following, "remembered", late)
    assert written_since(clinic.station.database, known).seq == known.seq + 2


def test_a_record_that_is_written_all_the_time_is_not_waited_for(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, true, looks = head(clinic), remembered, list[int]()

    def late(uid: str) -> KeptHeads | None:
        kept = true(uid)
        looks.append(1)
        note(clinic)
        note(clinic)
        return kept

    monkeypatch.setattr(following, "remembered", late)
    with pytest.raises(NotTrusted) as refusal:
        written_since(clinic.station.database, known)
    assert refusal.value.code == "busy"
    assert len(looks) == 2 * MOST_TRIES
