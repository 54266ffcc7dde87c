"""What closes the gate although nobody said no: answers taken back, a damaged file, and more."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.form_evaluation import DAILY, SCREENING
from tests.accounts.people import password_of
from tests.delivery.treatments import A_GOOD_DAY, NO_SCREENING, Ready, make_ready
from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.users import deactivate
from tms_console.clinic.forms import AnswersClearance, clear_answers, waiting_for_physician
from tms_console.records.upkeep import record_integrity

SEIZURE = {**NO_SCREENING, "seizure": True, "seizure_detail": "one, at school"}


def refusal(ready: Ready) -> str:
    done = ready.treat()
    assert done.commands == [] or done.state == "completed"
    return "" if done.state == "completed" else done.result.reason


def clear(ready: Ready, uid: str, item: str) -> None:
    login = ready.physician.enrolment.login
    cleared = AnswersClearance(uid, {item: "twenty years ago, EEG normal"})
    clear_answers(ready.station, ready.physician, cleared, password_of(login), login)


def test_a_yes_that_was_answered_again_with_no_still_waits_for_a_physician(tmp_path: Path) -> None:
    """Otherwise the technician could answer until the gate opens."""
    ready = make_ready(tmp_path)
    uid = ready.fill_in(SCREENING, SEIZURE)
    ready.fill_in(SCREENING, NO_SCREENING)

    assert "otherwise since" in refusal(ready)
    with ready.trusting() as trusted:
        assert [one.uid for one in waiting_for_physician(trusted)] == [uid]

    clear(ready, uid, "seizure")
    with ready.trusting() as trusted:
        assert waiting_for_physician(trusted) == ()
    assert refusal(ready) == ""


def test_answers_of_today_that_were_taken_back_wait_too(tmp_path: Path) -> None:
    ready = make_ready(tmp_path)
    ready.fill_in(DAILY, {**A_GOOD_DAY, "alcohol": "more than usual"})
    ready.fill_in(DAILY, A_GOOD_DAY)
    assert "otherwise since" in refusal(ready)


def test_an_account_that_was_ended_in_another_window_writes_nothing(tmp_path: Path) -> None:
    ready = make_ready(tmp_path)
    administrator = ready.clinic.administrator
    deactivate(ready.station, administrator, ready.technician.user_uid, "left the practice")
    with ready.trusting() as trusted:
        before = trusted.head
    with pytest.raises(AccountsRefused, match="was ended meanwhile"):
        ready.fill_in(DAILY, A_GOOD_DAY)
    with ready.trusting() as trusted:
        assert trusted.head == before


def test_a_file_that_the_daily_check_found_damaged_arms_nothing(tmp_path: Path) -> None:
    ready = make_ready(tmp_path)
    record_integrity(ready.station.database, ("page 3 is never used",))
    assert "found it damaged" in refusal(ready)
    record_integrity(ready.station.database, ())
    assert refusal(ready) == ""
