"""A clock behind the record closes the gate until an administrator says which one is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accounts.people import Clinic, password_of
from tests.accounts.ready import ready_clinic
from tms_console.accounts.clock_corrections import clock_floor, correct_clock
from tms_console.accounts.errors import AccountsRefused, LoginRefused, NotPermitted
from tms_console.accounts.login import log_in
from tms_console.accounts.roles import Role
from tms_console.accounts.statements import statement
from tms_console.records.clinical import RecordKind
from tms_console.records.operations import new_uid

EARLY, RIGHT, FUTURE = (
    "2026-01-01T00:00:00.000000Z",
    "2026-03-01T00:00:00.000000Z",
    "2031-01-01T00:00:00.000000Z",
)
PASSWORD = password_of("administrator")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return ready_clinic(tmp_path, Role.PHYSICIAN, at=EARLY)


def floor(clinic: Clinic) -> str:
    with clinic.station.trusting() as trusted:
        return clock_floor(trusted, clinic.station.database)


def note(clinic: Clinic, at: str) -> None:
    """Let something be recorded at a time."""
    clinic.wall.set(at)
    clinic.station.seal("a test")


def test_the_newest_time_counts_wherever_it_stands(clinic: Clinic) -> None:
    """A clock that was set forward and back leaves an older row at the end."""
    assert floor(clinic) == EARLY
    note(clinic, FUTURE)
    note(clinic, RIGHT)

    assert floor(clinic) == FUTURE


def test_a_correction_makes_earlier_rows_count_no_more(clinic: Clinic) -> None:
    note(clinic, FUTURE)
    clinic.wall.set(RIGHT)

    record = correct_clock(clinic.station, clinic.administrator, " battery ", PASSWORD)

    assert floor(clinic) == RIGHT
    assert '"reason":"battery"' in record.content
    assert FUTURE in record.content
    note(clinic, FUTURE)
    assert floor(clinic) == FUTURE


def test_a_second_correction_follows_the_first(clinic: Clinic) -> None:
    for _ in range(2):
        note(clinic, FUTURE)
        clinic.wall.set(RIGHT)
        correct_clock(clinic.station, clinic.administrator, "battery", PASSWORD)

    assert floor(clinic) == RIGHT


def test_a_clock_that_is_not_behind_is_not_corrected(clinic: Clinic) -> None:
    clinic.wall.set(RIGHT)

    with pytest.raises(AccountsRefused, match="nothing to correct"):
        correct_clock(clinic.station, clinic.administrator, "for fun", PASSWORD)


def test_only_an_administrator_with_password_and_reason_corrects_the_clock(
    clinic: Clinic,
) -> None:
    note(clinic, FUTURE)
    clinic.wall.set(RIGHT)
    station = clinic.station
    physician = log_in(station, "physician", password_of("physician"))

    with pytest.raises(NotPermitted):
        correct_clock(station, physician, "because", password_of("physician"))
    with pytest.raises(AccountsRefused, match="Say why"):
        correct_clock(station, clinic.administrator, "", PASSWORD)
    with pytest.raises(LoginRefused):
        correct_clock(station, clinic.administrator, "because", "not the password")
    assert floor(clinic) == FUTURE


def test_a_correction_by_somebody_who_may_not_counts_for_nothing(clinic: Clinic) -> None:
    """The gate asks for the signature, not for the row."""
    note(clinic, FUTURE)
    clinic.wall.set(RIGHT)
    physician = clinic.people[Role.PHYSICIAN]
    content = {
        "uid": new_uid(),
        "enrolment_uid": physician.enrolment.uid,
        "newest_at": FUTURE,
        "reason": "because",
    }
    clinic.station.write(
        statement(
            RecordKind.CLOCK_CORRECTION,
            content,
            physician.key(),
            at=RIGHT,
            actor=physician.user_uid,
        )
    )

    assert floor(clinic) == FUTURE
