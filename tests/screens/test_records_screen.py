"""The record's page: sessions, one session, the audit chain, and what a verification says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.clinic.sessions import DELIVERED, NOT_DELIVERED, UNKNOWN, Past, treated
from tests.delivery.treatments import Ready, ago, make_ready
from tms_console.accounts.roles import Role
from tms_console.accounts.verification import AccountsVerification, verify_accounts
from tms_console.records.backup import back_up
from tms_console.records.findings import Finding
from tms_console.records.verify import verify
from tms_console.screens.records import (
    AUDIT_PAGE,
    NOBODY,
    audit_table,
    check_screen,
    session_detail,
    sessions_table,
)
from tms_console.screens.shell import RecordFact, record_facts


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


@pytest.fixture
def session(ready: Ready) -> str:
    outcomes = (DELIVERED, DELIVERED, UNKNOWN, NOT_DELIVERED)
    return treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20), outcomes))


def test_sessions_are_told_with_their_counts_and_whose_they_were(
    ready: Ready, session: str
) -> None:
    with ready.trusting() as trusted:
        (line,) = sessions_table(trusted, ready.station.wall(), Role.TECHNICIAN).lines
    assert line.key == session
    assert line.cells[1:] == ("Paula Example", "completed", "2", "1", "MagPro X100")


def test_who_may_not_read_patients_sees_no_names(ready: Ready, session: str) -> None:
    """QA reads sessions, and no patients."""
    with ready.trusting() as trusted:
        (line,) = sessions_table(trusted, ready.station.wall(), Role.QA).lines
    assert (line.key, line.cells[1]) == (session, NOBODY)


def test_a_simulated_session_looks_like_none_that_was_real(ready: Ready) -> None:
    treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20), simulated=True))
    with ready.trusting() as trusted:
        (line,) = sessions_table(trusted, ready.station.wall(), Role.TECHNICIAN).lines
    assert line.cells[-1] == "simulated"


def test_every_word_of_a_filter_must_be_in_a_row(ready: Ready, session: str) -> None:
    del session
    with ready.trusting() as trusted:
        wall = ready.station.wall()
        assert len(sessions_table(trusted, wall, Role.TECHNICIAN, "paula COMPLETED").lines) == 1
        nothing = sessions_table(trusted, wall, Role.TECHNICIAN, "paula stopped")
    assert nothing.lines == ()
    assert nothing.empty == "No session is found for 'paula stopped'."


def test_one_session_shows_every_pulse_and_no_time_that_nobody_saw(
    ready: Ready, session: str
) -> None:
    with ready.trusting() as trusted:
        detail = session_detail(trusted, ready.station.database, session, ready.station.wall())
    assert detail.title.startswith("treatment · ")
    facts = {label: value for label, value, _ in detail.facts}
    assert facts["Delivered"] == "2 of 4 commanded"
    assert (facts["Unknown"], facts["Start late, p99"]) == ("1", "not measured")
    assert [one.cells[6] for one in detail.pulses.lines] == [
        "delivered",
        "delivered",
        "unknown",
        "not delivered",
    ]
    assert all(one.cells[4] == one.cells[5] == "" for one in detail.pulses.lines)
    assert detail.lateness.due_s.size == 0


def test_lateness_has_one_point_for_each_command(ready: Ready) -> None:
    """A train that the device times is one command, however many pulses it has."""
    run = ready.treat()
    uid = run.outcome.session_uid if hasattr(run, "outcome") else ""
    with ready.trusting() as trusted:
        uid = uid or next(reversed(trusted.sessions))
        detail = session_detail(trusted, ready.station.database, uid, ready.station.wall())
    assert detail.lateness.due_s.size == 20
    assert np.all(np.diff(detail.lateness.due_s) > 0)
    assert len(detail.pulses.lines) == 600
    assert detail.events.lines


def test_the_audit_trail_is_read_page_by_page_without_a_gap(ready: Ready, session: str) -> None:
    del session
    with ready.trusting() as trusted:
        database, wall = ready.station.database, ready.station.wall()
        newest = audit_table(trusted, database, wall, None)
        older = audit_table(trusted, database, wall, 5)
    numbers = [int(one.key) for one in newest.lines]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) <= AUDIT_PAGE
    assert [int(one.key) for one in older.lines] == [4, 3, 2, 1]


def test_a_sound_record_and_a_broken_one_are_told_apart_in_words(ready: Ready) -> None:
    path, anchor = ready.station.database.path, ready.station.anchor.public
    rows, signed = verify(path), verify_accounts(path, anchor)
    sound = check_screen(rows, signed)
    assert sound.state == "good"
    assert sound.headline.startswith("Sound: ")
    assert sound.reach
    broken = check_screen(rows, AccountsVerification((Finding("session 1", "it is not so"),)))
    assert broken.state == "bad"
    assert broken.headline.startswith("1 thing not as written")
    assert broken.findings == (("session 1", "it is not so"),)


def test_the_status_line_says_that_there_is_no_backup_and_then_when_it_was(
    ready: Ready, tmp_path: Path
) -> None:
    database = ready.station.database

    def facts() -> tuple[RecordFact, ...]:
        with ready.trusting() as trusted:
            return record_facts(trusted, database, ready.station.wall())

    assert RecordFact("▲ No backup yet", "warn") in facts()
    back_up(database.path, tmp_path / "copy.db")
    told = facts()
    assert any(one.text.startswith("Backup ") and one.state == "muted" for one in told)
