"""The day list: one status and one thing to do for every patient, by the course's own rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from protocols.finding_log import Decided, Verdict
from protocols.threshold import Settings
from tests.clinic.prescribing import make_practice, secret
from tests.clinic.sessions import DELIVERED, UNKNOWN, Past, treated
from tests.delivery.finding import say, search, whole
from tests.delivery.treatments import NO_SCREENING, Ready, ago, make_ready
from tms_console.accounts.login import sign
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.clinic.adverse_events import AdverseEvent, What, record_adverse_event
from tms_console.clinic.patients import (
    Medication,
    PatientDetails,
    Sex,
    add_patient,
    edit_patient,
    patient,
)
from tms_console.clinic.series import record_series
from tms_console.screens.today import (
    DONE,
    LATER,
    NEEDS_YOU,
    READY,
    WAITS,
    TodayRow,
    TodayScreen,
    short_day,
    today_screen,
)
from tms_console.screens.treat_after import close_session


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def look(ready: Ready, wall: str = "", **how: object) -> TodayScreen:
    with ready.trusting() as trusted:
        return today_screen(trusted, wall or ready.station.wall(), **how)  # type: ignore[arg-type]


def yesterday(clock: str) -> str:
    """A moment that is far from midnight in the policy's zone, whenever the test runs."""
    return f"{datetime.now(UTC).date() - timedelta(days=1)}T{clock}:00.000000Z"


def only(ready: Ready, wall: str = "", **how: object) -> TodayRow:
    (row,) = look(ready, wall, **how).rows
    return row


def test_a_patient_for_whom_nothing_is_missing_is_ready(ready: Ready) -> None:
    row = only(ready)
    assert (row.group, row.status, row.action, row.page) == (
        READY,
        "ready",
        "Prepare to treat",
        "treat",
    )
    assert row.primary
    assert (row.done, row.total, row.when, row.last) == (0, 20, "today", "no session yet")
    assert row.course == "Intermittent theta burst 600 · session 1 of 20"
    assert row.identity == "29 Feb 1984 · A-17"


def test_a_session_of_today_is_signed_first_and_then_done(ready: Ready) -> None:
    uid = treated(ready.clinic, ready.made, Past(yesterday("12:00"), yesterday("12:10")))
    row = only(ready, yesterday("12:30"))
    assert (row.group, row.action, row.page) == (DONE, "Sign the session", "treat")
    assert row.course.endswith("session 1 of 20")
    with ready.trusting() as trusted:
        closing = trusted.sessions[uid].closing_digest
    said = ToSign(Meaning.DELIVERED, uid, closing, ready.patient_uid)
    login = ready.technician
    password, name = secret(login)
    sign(ready.station, login, said, password, login_name=name)
    assert only(ready, yesterday("12:30")).action == "Open the record"


def test_a_simulated_session_in_a_clinic_is_none_of_the_course(ready: Ready) -> None:
    """Nobody was treated: the patient is still to be."""
    treated(ready.clinic, ready.made, Past(ago(minutes=30), ago(minutes=20), simulated=True))
    assert only(ready).group == READY


def test_a_patient_who_had_the_sessions_of_the_week_is_due_when_the_rules_allow(
    ready: Ready,
) -> None:
    for back in (5, 4, 3, 2, 1):
        treated(ready.clinic, ready.made, Past(ago(days=back), ago(days=back - 0.01)))
    row = only(ready)
    assert (row.group, row.page) == (LATER, "patients")
    assert row.when not in ("today", "")
    assert row.status == f"not due before {row.when}"


def test_an_old_threshold_is_to_be_measured_again(ready: Ready) -> None:
    later = (datetime.now(UTC) + timedelta(days=8)).isoformat().replace("+00:00", "Z")
    with ready.trusting() as trusted:
        (row,) = today_screen(trusted, later).rows
    assert (row.group, row.action) == (NEEDS_YOU, "Re-measure threshold")
    assert row.status.startswith("threshold ")
    assert row.status.endswith(" days old")


def test_after_a_change_of_medication_the_threshold_is_to_be_measured_again(
    ready: Ready,
) -> None:
    """It can raise or lower the threshold, and with it the dose."""
    with ready.trusting() as trusted:
        before = patient(trusted, ready.patient_uid)
    taken = replace(before.details, medications=(Medication("bupropion", "150 mg"),))
    edit_patient(ready.station, ready.technician, before.uid, taken)
    row = only(ready)
    assert (row.group, row.action) == (NEEDS_YOU, "Re-measure threshold")
    assert row.status == "medication changed since the threshold"


def test_an_old_screening_comes_before_an_old_threshold(ready: Ready) -> None:
    later = (datetime.now(UTC) + timedelta(days=90)).isoformat().replace("+00:00", "Z")
    with ready.trusting() as trusted:
        (row,) = today_screen(trusted, later).rows
    assert row.status == "screening too old"


def test_answers_that_a_physician_must_clear_wait_for_one(ready: Ready) -> None:
    ready.fill_in("screening", {**NO_SCREENING, "fainting": True, "fainting_detail": "once"})
    assert only(ready).group == WAITS
    row = only(ready, physician=True)
    assert (row.group, row.action, row.page) == (NEEDS_YOU, "Look at the answers", "approvals")


def test_a_patient_on_hold_is_never_ready(ready: Ready) -> None:
    event = AdverseEvent(ready.patient_uid, What.SEIZURE, 3, ago(minutes=5))
    record_adverse_event(ready.station, ready.technician, event)
    row = only(ready)
    assert (row.group, row.status, row.state) == (WAITS, "on hold", "bad")
    assert row.action == "Waits for a physician"


def test_a_withdrawn_prescription_waits_for_approval(ready: Ready) -> None:
    ready.withdraw(ready.made)
    row = only(ready)
    assert (row.group, row.status) == (WAITS, "approval missing")
    assert only(ready, physician=True).action == "Review and sign"


def test_a_returned_proposal_goes_back_to_who_proposes(ready: Ready) -> None:
    ready.withdraw(ready.made)
    ready.return_(ready.next_version(ready.made))
    row = only(ready)
    assert (row.status, row.action, row.page) == (
        "returned by a physician",
        "Propose a version",
        "approvals",
    )


def test_a_new_patient_has_no_course_yet(ready: Ready) -> None:
    details = PatientDetails("Aa, Bb", "1990-01-02", Sex.OTHER, "1")
    add_patient(ready.station, ready.technician, details)
    row = next(one for one in look(ready).rows if one.name == "Aa, Bb")
    assert (row.status, row.action, row.total) == ("no prescription", "Prescribe", 0)


def test_a_running_session_is_what_there_is_to_do(ready: Ready) -> None:
    row = only(ready, running_patient=ready.patient_uid)
    assert (row.status, row.action, row.page) == ("running", "Go to the session", "treat")


def test_a_session_that_was_stopped_today_is_resumed_or_closed(ready: Ready) -> None:
    treated(ready.clinic, ready.made, Past(yesterday("12:00"), None))
    row = only(ready, yesterday("12:30"))
    assert (row.group, row.status) == (NEEDS_YOU, "interrupted today")


def test_a_session_that_was_closed_is_not_offered_to_be_closed_again(ready: Ready) -> None:
    uid = treated(
        ready.clinic, ready.made, Past(yesterday("12:00"), None, outcomes=(DELIVERED, UNKNOWN))
    )
    close_session(ready.station, ready.technician, uid, "the patient went home")
    file = ready.station.database
    row = only(ready, yesterday("12:30"), database=file)
    assert (row.group, row.status, row.action) == (DONE, "closed, not signed", "Sign the session")
    with ready.trusting() as trusted:
        closing = trusted.sessions[uid].closing_digest
    to_sign = ToSign(Meaning.DELIVERED, uid, closing, ready.patient_uid)
    password, name = secret(ready.technician)
    sign(ready.station, ready.technician, to_sign, password, login_name=name)
    row = only(ready, yesterday("12:30"), database=file)
    assert (row.group, row.status, row.action) == (DONE, "closed", "Open the record")


def test_a_threshold_outside_what_was_signed_asks_for_a_new_version(ready: Ready) -> None:
    """Nothing is delivered from it until a physician signs: the page must not say ready."""
    ready.measure(60, ago(minutes=5))
    row = only(ready)
    assert (row.status, row.action, row.page) == (
        "new threshold, not signed for",
        "Propose a version",
        "approvals",
    )


def test_a_threshold_that_was_accepted_and_not_recorded_is_asked_for(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True)
    acts, _ = whole(43, Settings(highest_pct_mso=90))
    uid = search(ready, acts).result.session_uid
    row = only(ready)
    assert (row.group, row.status, row.action, row.page) == (
        NEEDS_YOU,
        "a found threshold is not on record",
        "Record the threshold",
        "threshold",
    )
    later = (datetime.now(UTC) + timedelta(days=8)).isoformat().replace("+00:00", "Z")
    assert only(ready, later).action != "Record the threshold"
    record_series(ready.station, ready.technician, uid)
    assert only(ready).status == "ready"


def test_for_a_search_that_was_rejected_nothing_is_asked(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True)
    acts, _ = whole(43, Settings(highest_pct_mso=90))
    done = search(ready, [*acts[:4], say(Decided(Verdict.REJECTED, None, "the coil slipped"))])
    assert done.state == "completed"
    assert only(ready).status == "ready"


def test_a_threshold_that_was_measured_later_makes_it_needless(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True)
    acts, _ = whole(43, Settings(highest_pct_mso=90))
    search(ready, acts)
    assert only(ready).action == "Record the threshold"
    ready.measure(45, ago())
    assert only(ready).action != "Record the threshold"


def test_a_course_that_is_over_leaves_the_list(ready: Ready) -> None:
    for back in range(40, 20, -1):
        treated(ready.clinic, ready.made, Past(ago(days=back), ago(days=back - 0.01)))
    assert look(ready).rows == ()


def test_a_patient_on_hold_without_a_prescription_is_on_hold_all_the_same(ready: Ready) -> None:
    details = PatientDetails("Aa, Bb", "1990-01-02", Sex.OTHER, "1")
    uid = add_patient(ready.station, ready.technician, details)
    event = AdverseEvent(uid, What.SYNCOPE, 1, ago(minutes=5))
    record_adverse_event(ready.station, ready.technician, event)
    row = next(one for one in look(ready).rows if one.name == "Aa, Bb")
    assert (row.status, row.state, row.course) == ("on hold", "bad", "no course yet")


def test_who_never_was_screened_is_screened_first(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    practice.clinic.wall.set("")
    practice.policy()
    practice.approved()
    with practice.trusting() as trusted:
        (row,) = today_screen(trusted, practice.station.wall()).rows
    assert (row.status, row.action) == ("screening due", "Screen the patient")


def test_who_can_be_treated_comes_first_and_who_is_done_last() -> None:
    rows = tuple(TodayRow(group, group, "") for group in (READY, NEEDS_YOU, WAITS, LATER, DONE))
    counted = TodayScreen(
        "Monday 23 November",
        tuple(replace(row, group=row.name) for row in rows),
    )
    assert [text for text, _ in counted.counters()] == [
        "1 ready",
        "1 need you first",
        "1 for a physician",
        "1 not due today",
        "1 done",
    ]
    assert counted.subtitle == "Monday 23 November · 5 patients"


def test_without_a_policy_it_is_said_that_nothing_real_is_armed(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with practice.trusting() as trusted:
        screen = today_screen(trusted, practice.station.wall())
    assert screen.notice == "No policy is signed: no real stimulator is armed until one is."


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 11, 23), "today"),
        (date(2026, 11, 24), "tomorrow"),
        (date(2026, 11, 22), "yesterday"),
        (date(2026, 11, 25), "Wed 25 Nov"),
        (date(2027, 1, 4), "Mon 4 Jan 2027"),
    ],
)
def test_a_day_is_told_in_few_words(day: date, words: str) -> None:
    assert short_day(day, date(2026, 11, 23)) == words
