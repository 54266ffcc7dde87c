"""What a patient has had: every pulse that was given or may have been, and no simulated one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.canonical import ContentError
from protocols.form_evaluation import DAILY
from protocols.prescription import Prescription
from protocols.screening import AnswerValue
from protocols.terms import Side
from tests.clinic.patients import BERT, answered, measurement, some_patient
from tests.clinic.prescribing import Practice, make_practice
from tests.clinic.sessions import (
    DELIVERED,
    NOT_DELIVERED,
    REFUSED,
    UNKNOWN,
    Past,
    measured_in,
    treated,
)
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.trust import OldSession
from tms_console.clinic.day import (
    Changed,
    CourseSoFar,
    Had,
    Today,
    changed_since_last,
    course,
    had,
    local_day,
    require_session_of,
    sessions_since,
    sittings,
)
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import Medication, edit_patient, patient
from tms_console.clinic.sittings import Bindings
from tms_console.clinic.thresholds import record_threshold
from tms_console.records.canonical import Json
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.operations import SessionKind
from tms_console.records.values import new_uid

BERLIN = "Europe/Berlin"
THE_17TH, THE_18TH = date(2026, 11, 17), date(2026, 11, 18)
MORNING = Past("2026-11-17T08:00:00Z", "2026-11-17T08:30:00Z")
NOON = Past("2026-11-17T12:00:00Z", "2026-11-17T12:30:00Z")
NEXT_DAY = Past("2026-11-18T08:00:00Z", "2026-11-18T08:30:00Z")


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    return make_practice(tmp_path)


@pytest.fixture
def approved(practice: Practice) -> Prescription:
    return practice.approved()


def on(practice: Practice, day: date, zone: str = BERLIN) -> Had:
    with practice.trusting() as trusted:
        return had(trusted, practice.patient_uid, day, zone)


def so_far(practice: Practice, prescription: Prescription) -> CourseSoFar:
    with practice.trusting() as trusted:
        return course(trusted, prescription.prescription_uid, BERLIN)


def changed(practice: Practice, prescription: Prescription, **other: object) -> Changed:
    uids = tuple(basis.threshold.uid for basis in prescription.doses)
    today = Today(practice.patient_uid, prescription.uid, uids)
    with practice.trusting() as trusted:
        return changed_since_last(trusted, replace(today, **other), BERLIN)  # type: ignore[arg-type]


def test_before_the_first_session_there_is_nothing(
    practice: Practice, approved: Prescription
) -> None:
    assert on(practice, THE_17TH) == Had(THE_17TH, 0, 0, 0, (), None)
    assert so_far(practice, approved) == CourseSoFar(0, None, (), None)
    assert so_far(practice, approved).weeks == ()


def test_every_pulse_that_may_have_been_given_counts(
    practice: Practice, approved: Prescription
) -> None:
    """`unknown` counts as delivered wherever a dose is limited (architecture.md)."""
    outcomes = (DELIVERED, UNKNOWN, NOT_DELIVERED, REFUSED, DELIVERED)
    treated(practice.clinic, approved, replace(MORNING, outcomes=outcomes))

    found = on(practice, THE_17TH)

    assert (found.sessions, found.pulses) == (1, 3)
    assert found.last_ended_at == "2026-11-17T08:30:00Z"


def test_unplanned_and_left_over_pulses_count_too(
    practice: Practice, approved: Prescription
) -> None:
    with practice.trusting() as trusted:
        treatment = OldSession(
            new_uid(),
            1,
            {
                "kind": "treatment",
                "authority_uid": approved.uid,
                "started_at": "2026-11-17T08:00:00Z",
            },
            {"ended_at": "2026-11-17T08:30:00Z", "outcomes": {"unplanned": 2, "commanded": 3}},
        )
        trusted.sessions[treatment.uid] = treatment
        assert had(trusted, practice.patient_uid, THE_17TH, BERLIN).pulses == 5


def test_a_session_without_a_pulse_is_no_treatment(
    practice: Practice, approved: Prescription
) -> None:
    """Stopped before its first pulse: it takes nothing from the day or the course."""
    treated(practice.clinic, approved, replace(MORNING, outcomes=()))
    treated(practice.clinic, approved, replace(NOON, outcomes=(NOT_DELIVERED, REFUSED)))

    assert on(practice, THE_17TH) == Had(THE_17TH, 0, 0, 0, (), None)
    assert so_far(practice, approved).sessions == 0


def test_a_resumed_session_and_the_one_it_resumes_are_one(
    practice: Practice, approved: Prescription
) -> None:
    first = treated(practice.clinic, approved, MORNING)
    second = treated(practice.clinic, approved, replace(NOON, resumes_uid=first))
    evening = Past("2026-11-17T18:00:00Z", "2026-11-17T18:10:00Z", resumes_uid=second)
    treated(practice.clinic, approved, evening)

    found = on(practice, THE_17TH)

    assert (found.sessions, found.pulses) == (1, 12)
    assert found.last_ended_at == "2026-11-17T18:10:00Z"
    assert so_far(practice, approved).sessions == 1
    with practice.trusting() as trusted:
        (sitting,) = sittings(trusted, practice.patient_uid)
    assert sitting.started_at == MORNING.started_at


def test_a_session_resumed_from_one_without_a_pulse_counts_once(
    practice: Practice, approved: Prescription
) -> None:
    first = treated(practice.clinic, approved, replace(MORNING, outcomes=()))
    treated(practice.clinic, approved, replace(NOON, resumes_uid=first))

    assert (on(practice, THE_17TH).sessions, on(practice, THE_17TH).pulses) == (1, 4)


def test_two_sessions_of_a_day_are_two(practice: Practice, approved: Prescription) -> None:
    treated(practice.clinic, approved, MORNING)
    treated(practice.clinic, approved, NOON)

    assert (on(practice, THE_17TH).sessions, on(practice, THE_17TH).pulses) == (2, 8)
    assert on(practice, THE_18TH) == Had(THE_18TH, 0, 0, 0, (), "2026-11-17T12:30:00Z")


def test_simulated_sessions_are_no_treatment(practice: Practice, approved: Prescription) -> None:
    """Simulated can never look real (architecture.md, promise 5)."""
    uid = treated(practice.clinic, approved, replace(MORNING, simulated=True))

    assert on(practice, THE_17TH) == Had(THE_17TH, 0, 0, 0, (), None)
    assert so_far(practice, approved).sessions == 0
    with practice.trusting() as trusted:
        assert require_session_of(trusted, practice.patient_uid, uid).uid == uid


def test_in_a_demonstration_simulated_sessions_count(
    practice: Practice, approved: Prescription
) -> None:
    """Nobody in it is real; a course that never goes on would show nothing."""
    treated(practice.clinic, approved, replace(MORNING, simulated=True))

    with practice.trusting() as trusted:
        trusted.demonstration = True
        assert had(trusted, practice.patient_uid, THE_17TH, BERLIN).pulses == 4


def test_a_day_is_a_day_of_the_clinics_time_zone(
    practice: Practice, approved: Prescription
) -> None:
    """At 23:30 UTC on the 16th it is the 17th in Berlin and still the 16th in New York."""
    late = Past("2026-11-16T23:30:00Z", "2026-11-16T23:50:00Z")
    treated(practice.clinic, approved, late)

    assert on(practice, THE_17TH).sessions == 1
    assert on(practice, THE_17TH, "America/New_York").sessions == 0
    assert local_day(late.started_at, "America/New_York") == date(2026, 11, 16)
    with pytest.raises(ContentError, match="no time zone"):
        local_day(late.started_at, "Mars/Olympus")


def test_pulses_over_midnight_count_on_both_days_and_the_session_on_the_first(
    practice: Practice, approved: Prescription
) -> None:
    treated(practice.clinic, approved, Past("2026-11-17T22:50:00Z", "2026-11-17T23:20:00Z"))

    assert (on(practice, THE_17TH).sessions, on(practice, THE_17TH).pulses) == (1, 4)
    assert (on(practice, THE_18TH).sessions, on(practice, THE_18TH).pulses) == (0, 4)


def test_an_end_that_nobody_saw_is_taken_as_planned(
    practice: Practice, approved: Prescription
) -> None:
    """A crash leaves no time of its end; iTBS 600 lasts 191.84 s from first to last pulse."""
    treated(practice.clinic, approved, replace(MORNING, ended_at=None))

    found = on(practice, THE_17TH)

    assert (found.sessions, found.pulses, found.open_uids) == (1, 4, ())
    assert found.last_ended_at == "2026-11-17T08:03:11.840000Z"
    with practice.trusting() as trusted:
        (sitting,) = sittings(trusted, practice.patient_uid)
    assert (sitting.rows[0].open, sitting.rows[0].ended_at) == (False, None)


def test_an_open_session_counts_as_one_and_is_named(
    practice: Practice, approved: Prescription
) -> None:
    """What it has given so far is not in the chain yet; who asks must know it or wait."""
    uid = treated(practice.clinic, approved, replace(MORNING, ended_at=None, open=True))

    assert on(practice, THE_17TH) == Had(THE_17TH, 1, 0, 0, (uid,), MORNING.started_at)
    assert so_far(practice, approved).sessions == 1


def test_threshold_finding_is_counted_apart(practice: Practice) -> None:
    """Its single pulses must not use up what the prescription allows for the day."""
    policy = practice.policy()
    finding = replace(MORNING, kind=SessionKind.THRESHOLD)
    uid = measured_in(
        practice.clinic,
        (policy.uid, policy.digest()),
        practice.patient_uid,
        practice.threshold_uid,
        finding,
    )

    assert on(practice, THE_17TH) == Had(THE_17TH, 0, 0, 4, (), None)
    with practice.trusting() as trusted:
        assert require_session_of(trusted, practice.patient_uid, uid).uid == uid
        assert sessions_since(trusted, practice.patient_uid, "2026-11-01T00:00:00Z") == ()


def test_an_unseen_end_of_threshold_finding_is_its_beginning(practice: Practice) -> None:
    policy = practice.policy()
    finding = replace(MORNING, kind=SessionKind.THRESHOLD, ended_at=None)
    authority = (policy.uid, policy.digest())
    measured_in(practice.clinic, authority, practice.patient_uid, practice.threshold_uid, finding)

    with practice.trusting() as trusted:
        (sitting,) = sittings(trusted, practice.patient_uid)
    assert sitting.last_at.startswith("2026-11-17T08:00:00")


def test_what_another_patient_had_is_not_counted(
    practice: Practice, approved: Prescription
) -> None:
    other = some_patient(practice.clinic, BERT)
    treated(practice.clinic, approved, MORNING)

    with practice.trusting() as trusted:
        assert had(trusted, other, THE_17TH, BERLIN) == Had(THE_17TH, 0, 0, 0, (), None)
        uid = next(iter(trusted.sessions))
        with pytest.raises(ClinicRefused, match="not this patient's"):
            require_session_of(trusted, other, uid)
        with pytest.raises(ClinicRefused, match="no session"):
            require_session_of(trusted, other, new_uid())


@pytest.mark.parametrize("named", ["nobody", "two"])
def test_a_session_of_which_the_patient_cannot_be_told_closes_everything(
    practice: Practice, approved: Prescription, named: str
) -> None:
    """It might have been this patient's: nothing can be counted, so nothing is armed."""
    other = some_patient(practice.clinic, BERT)
    policy = practice.policy()
    authority = approved.uid if named == "two" else policy.uid
    session_uid = new_uid()
    if named == "two":
        finding = replace(MORNING, kind=SessionKind.THRESHOLD)
        session_uid = measured_in(
            practice.clinic, (policy.uid, policy.digest()), other, practice.threshold_uid, finding
        )
    with practice.trusting() as trusted:
        begun: dict[str, Json] = {"kind": "treatment", "authority_uid": authority}
        trusted.sessions[session_uid] = OldSession(session_uid, 1, begun, None)
        with pytest.raises(NotTrusted, match="different ones" if named == "two" else "none") as no:
            had(trusted, practice.patient_uid, THE_17TH, BERLIN)
    assert no.value.code == "binding"


@pytest.mark.parametrize("kind", ["test", "rehearsal"])
def test_a_test_and_a_rehearsal_are_nobodys(
    practice: Practice, approved: Prescription, kind: str
) -> None:
    with practice.trusting() as trusted:
        session = OldSession(new_uid(), 1, {"kind": kind, "authority_uid": approved.uid}, None)
        assert Bindings(trusted).patient_uid(session) is None


def test_a_course_goes_on_over_the_versions_of_a_prescription(
    practice: Practice, approved: Prescription
) -> None:
    treated(practice.clinic, approved, MORNING)
    second = practice.next_version(approved)
    practice.approve(second)
    treated(practice.clinic, second, NEXT_DAY)
    treated(practice.clinic, second, Past("2026-11-25T08:00:00Z", "2026-11-25T08:30:00Z"))
    another = practice.approved()
    treated(practice.clinic, another, NOON)

    found = so_far(practice, approved)

    assert found.sessions == 3
    assert found.first_day == THE_17TH
    assert found.weeks == (2, 1)
    assert found.last is not None
    assert found.last.authority_uid == second.uid
    assert so_far(practice, another).sessions == 1


def test_nothing_was_given_under_a_prescription_that_is_not_on_record(practice: Practice) -> None:
    with practice.trusting() as trusted:
        assert course(trusted, new_uid(), BERLIN) == CourseSoFar(0, None, (), None)


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=40), st.integers(1, 40))
def test_weeks_and_stretches_of_days_lose_no_session(days: list[date], length: int) -> None:
    found = CourseSoFar(len(days), min(days, default=None), tuple(days), None)

    assert sum(found.weeks) == len(days)
    assert found.in_days(date.max, (date.max - date(2026, 1, 1)).days + 1) == len(days)
    last = max(days, default=date(2026, 1, 1))
    inside = [day for day in days if 0 <= (last - day).days < length]
    assert found.in_days(last, length) == len(inside)


def test_the_first_session_under_a_prescription_is_a_change(
    practice: Practice, approved: Prescription
) -> None:
    assert changed(practice, approved) == Changed(first=True)
    assert changed(practice, approved).anything
    treated(practice.clinic, approved, MORNING)
    assert changed(practice, approved) == Changed()
    assert not changed(practice, approved).anything


def test_another_dose_is_a_change_and_another_indication_is_none(
    practice: Practice, approved: Prescription
) -> None:
    treated(practice.clinic, approved, MORNING)
    renamed = practice.next_version(approved)
    assert changed(practice, renamed) == Changed()

    (block,) = renamed.session.blocks
    weaker = replace(block, lowest_pct_mso=block.lowest_pct_mso + 1)
    lower = replace(
        renamed,
        uid=new_uid(),
        version=3,
        supersedes=renamed.uid,
        session=replace(renamed.session, blocks=(weaker,)),
    )
    practice.clinic.station.write(_record(practice, lower))
    assert changed(practice, lower) == Changed(dose=True)


def test_another_percentage_of_the_day_is_a_change(
    practice: Practice, approved: Prescription
) -> None:
    treated(practice.clinic, approved, replace(MORNING, today_pct_mt=(Fraction(100),)))

    assert changed(practice, approved) == Changed(dose=True)
    assert changed(practice, approved, pct_mt=(Fraction(110),)) == Changed(dose=True)
    assert changed(practice, approved, pct_mt=(Fraction(100),)) == Changed()


def test_another_threshold_is_a_change(practice: Practice, approved: Prescription) -> None:
    treated(practice.clinic, approved, MORNING)
    newer = practice.measure(46)

    assert changed(practice, approved, threshold_uids=(newer,)) == Changed(threshold=True)


def test_other_medications_are_a_change_and_another_alert_is_none(
    practice: Practice, approved: Prescription
) -> None:
    treated(practice.clinic, approved, MORNING)
    with practice.trusting() as trusted:
        seen = patient(trusted, practice.patient_uid)
    details = replace(seen.details, alerts=("hard of hearing",))
    uid = edit_patient(practice.station, practice.technician, seen.uid, details)
    assert changed(practice, approved) == Changed()

    details = replace(details, medications=(Medication("bupropion", "150 mg"),))
    edit_patient(practice.station, practice.technician, uid, details)
    assert changed(practice, approved) == Changed(medication=True)


def test_what_the_patient_says_of_medications_is_a_change(
    practice: Practice, approved: Prescription
) -> None:
    said: dict[str, AnswerValue] = {
        "medication_change": True,
        "medication_change_detail": "lithium since Monday",
    }
    answered(practice.clinic, practice.patient_uid, DAILY, said)
    treated(practice.clinic, approved, MORNING)
    answered(practice.clinic, practice.patient_uid, DAILY)
    assert changed(practice, approved) == Changed()

    answered(practice.clinic, practice.patient_uid, DAILY, said)
    assert changed(practice, approved) == Changed(medication=True)


def test_what_changed_is_asked_of_a_prescription_on_record(
    practice: Practice, approved: Prescription
) -> None:
    with pytest.raises(ClinicRefused, match="no prescription"):
        changed(practice, approved, authority_uid=new_uid())


def test_sessions_stay_in_the_order_of_the_chain(
    practice: Practice, approved: Prescription
) -> None:
    for past in (NEXT_DAY, MORNING):  # the clock was wrong at the first: the chain knows better
        treated(practice.clinic, approved, past)

    with practice.trusting() as trusted:
        found = sittings(trusted, practice.patient_uid)
    assert all(early.seq < late.seq for early, late in pairwise(found))
    assert [one.started_at for one in found] == [NEXT_DAY.started_at, MORNING.started_at]


def test_a_right_side_threshold_does_not_touch_the_count(
    practice: Practice, approved: Prescription
) -> None:
    treated(practice.clinic, approved, MORNING)
    right = measurement(practice.patient_uid, side=Side.RIGHT)
    record_threshold(practice.station, practice.technician, right)
    assert on(practice, THE_17TH).sessions == 1


def _record(practice: Practice, prescription: Prescription) -> AddRecord:
    return AddRecord(
        kind=RecordKind.PRESCRIPTION,
        uid=prescription.uid,
        at=practice.station.wall(),
        actor=practice.technician.user_uid,
        content=prescription.canonical_text(),
    )
