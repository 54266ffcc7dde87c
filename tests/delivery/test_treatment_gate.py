"""Every reason for which a treatment is refused, one by one, from the facts of a real record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from protocols.course_plan import CoursePhase, CoursePlan
from protocols.course_rules import GivenSession
from protocols.prescription import Prescription, SessionContent
from tests.delivery.treatments import Ready, make_ready
from tms_console.clinic.dose_now import DoseNow
from tms_console.delivery import treatment_facts
from tms_console.delivery.gate import TREATMENT_CODES, Answer, CheckResult
from tms_console.delivery.gate_facts import DayFact, TreatmentFacts
from tms_console.delivery.process import new_challenge
from tms_console.delivery.treatment import examine
from tms_console.delivery.treatment_gate import check_again, check_treatment, most_pulses_a_day


@pytest.fixture
def facts(tmp_path: Path) -> TreatmentFacts:
    """Everything that is asked, of a session that may be given."""
    return gathered(make_ready(tmp_path, short=True))


def gathered(ready: Ready) -> TreatmentFacts:
    seen: list[TreatmentFacts] = []

    def keep(facts: TreatmentFacts) -> tuple[CheckResult, ...]:
        seen.append(facts)
        return check_treatment(facts)

    challenge = new_challenge()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(treatment_facts, "check_treatment", keep)
        examine(ready.order(ready.start_order(challenge)), ready.station.database, challenge)
    return seen[0]


def refused(facts: TreatmentFacts) -> dict[str, CheckResult]:
    return {one.code: one for one in check_treatment(facts) if one.answer is Answer.REFUSED}


def require_only(facts: TreatmentFacts, code: str, *words: str) -> None:
    """Fail unless exactly this is refused, in these words, with something that can be done."""
    found = refused(facts)
    assert set(found) == {code}
    for each in words:
        assert each in found[code].sentence
    assert found[code].remedy


def test_with_every_fact_right_nothing_is_refused_and_everything_was_asked(
    facts: TreatmentFacts,
) -> None:
    answers = check_treatment(facts)
    assert [one.code for one in answers if one.answer is not Answer.PASSED] == []
    assert {one.code for one in answers} == TREATMENT_CODES
    said = {one.code: one.sentence for one in answers}
    assert "was approved by Physician Somebody" in said["approval"]
    assert "the key was enrolled by Ada Ministra" in said["approval"]
    assert said["order"] == "Technician Somebody ordered this session."
    assert said["dose"] == "54 %MSO."


def of(facts: TreatmentFacts, name: str, **changes: Any) -> TreatmentFacts:
    """Return the facts with one of them changed in some of its members."""
    return replace(facts, **{name: replace(getattr(facts, name), **changes)})


@pytest.mark.parametrize(
    ("days", "sessions", "words"),
    [
        (15, 0, "15 days and 0 sessions old; 14 days"),
        (1, 20, "1 day and 20 sessions old"),
        (-1, 0, "-1 days"),
    ],
    ids=["by days", "by sessions", "of the future"],
)
def test_a_threshold_too_old_or_of_the_future_is_refused(
    facts: TreatmentFacts, days: int, sessions: int, words: str
) -> None:
    assert facts.policy is not None
    assert (facts.policy.threshold_refuse_days, facts.policy.threshold_refuse_sessions) == (14, 20)
    old = (replace(facts.thresholds[0], days=days, sessions=sessions),)
    require_only(replace(facts, thresholds=old), "threshold", words)


def test_a_block_without_a_threshold_is_refused(facts: TreatmentFacts) -> None:
    """What is not there has no age that could be too high."""
    require_only(replace(facts, thresholds=()), "threshold", "no threshold is on record")


def test_a_threshold_is_good_up_to_its_last_day_and_says_when_it_should_be_measured_again(
    facts: TreatmentFacts,
) -> None:
    last = (replace(facts.thresholds[0], days=14, sessions=19),)
    answers = {one.code: one for one in check_treatment(replace(facts, thresholds=last))}
    assert answers["threshold"].answer is Answer.PASSED
    assert "to be measured again" in answers["threshold"].sentence
    fresh = {one.code: one for one in check_treatment(facts)}
    assert "to be measured again" not in fresh["threshold"].sentence


@pytest.mark.parametrize("name", ["screening", "daily", "identity", "ears", "extra"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answered_at": None}, "was not filled in"),
        ({"answered_at": timedelta(minutes=1)}, "is dated later than now"),
        ({"refused": ("the coil hurts", "no")}, "the coil hurts; no"),
        ({"uncleared": ("cochlear implant: yes",)}, "not cleared by a physician"),
    ],
    ids=["missing", "of the future", "refused", "not cleared"],
)
def test_a_form_that_says_no_or_is_not_there_is_refused(
    facts: TreatmentFacts, name: str, changes: dict[str, Any], words: str
) -> None:
    if isinstance(changes.get("answered_at"), timedelta):
        changes = {"answered_at": facts.now + changes["answered_at"]}
    require_only(of(facts, name, **changes), name, words)


def test_a_screening_too_old_is_refused_and_on_its_last_day_is_not(facts: TreatmentFacts) -> None:
    assert facts.policy is not None
    days = facts.policy.screening_days
    old = facts.now - timedelta(days=days + 1)
    require_only(
        of(facts, "screening", answered_at=old), "screening", f"{days + 1} days old; {days} days"
    )
    last = facts.now - timedelta(days=days)
    assert refused(of(facts, "screening", answered_at=last)) == {}


@pytest.mark.parametrize("name", ["daily", "identity", "ears", "extra"])
def test_a_check_before_the_session_is_of_today_and_of_the_last_hour(
    facts: TreatmentFacts, name: str
) -> None:
    """At half past midnight a check of ten to twelve is yesterday's."""
    noon = facts.now.replace(hour=12, minute=0)
    every = {one: replace(getattr(facts, one), answered_at=noon) for one in FORMS_OF_THE_DAY}
    at_noon = replace(facts, now=noon, **every)
    hour_ago = noon - timedelta(minutes=60)
    assert refused(of(at_noon, name, answered_at=hour_ago)) == {}
    longer = hour_ago - timedelta(seconds=1)
    require_only(of(at_noon, name, answered_at=longer), name, "60 minutes ago", "of the last 60")
    night = noon.replace(hour=0, minute=30)
    fresh = {one: replace(getattr(facts, one), answered_at=night) for one in FORMS_OF_THE_DAY}
    yesterday = of(
        replace(facts, now=night, **fresh), name, answered_at=night - timedelta(minutes=40)
    )
    require_only(yesterday, name, "40 minutes ago", "it must be of today")


FORMS_OF_THE_DAY = ("daily", "identity", "ears", "extra", "screening")


def a_session(facts: TreatmentFacts, minutes_ago: float, **other: Any) -> GivenSession:
    ended = facts.now - timedelta(minutes=minutes_ago)
    given = GivenSession(ended - timedelta(minutes=4), ended, 18, of_course=True)
    return replace(given, **other)


def after(facts: TreatmentFacts, *given: GivenSession, **day: Any) -> TreatmentFacts:
    """Return the facts after such sessions, with the order for the next, and a laxer course."""
    course = replace(facts.prescription.course, most_sessions_a_day=2, most_pulses_a_day=36)
    number = sum(one.of_course for one in given) + 1
    return replace(
        ordered(facts, session_number=number),
        prescription=likewise(facts, course=course),
        day=DayFact(given=given, number=number, **day),
    )


@dataclass(frozen=True)
class Likewise:
    """A prescription with another course or session; whether that was signed is not asked here."""

    true: Prescription
    course: CoursePlan
    session: SessionContent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.true, name)


def likewise(facts: TreatmentFacts, **changes: Any) -> Any:
    now = facts.prescription
    true = now.true if isinstance(now, Likewise) else now
    return Likewise(true, changes.get("course", now.course), changes.get("session", now.session))


@pytest.mark.parametrize("name", ["identity", "ears", "extra"])
def test_identity_ears_and_the_extra_check_are_of_this_session_and_not_of_the_last(
    facts: TreatmentFacts, name: str
) -> None:
    """Who was asked before the last session may not be who lies there now."""
    last = a_session(facts, 5)
    later = after(facts, last)
    every = {one: replace(getattr(facts, one), answered_at=facts.now) for one in FORMS_OF_THE_DAY}
    later = replace(later, **every)
    assert refused(later) == {}
    before = of(later, name, answered_at=facts.now - timedelta(minutes=7))
    require_only(before, name, "before the last session")
    resumed = replace(before, day=replace(before.day, resuming=True, given_in_chain=18))
    assert name not in refused(resumed)


def test_an_extra_check_is_asked_for_only_where_there_is_a_reason(facts: TreatmentFacts) -> None:
    missing = of(facts, "extra", answered_at=None)
    require_only(missing, "extra", "session 1 of the first 3", "was not filled in")
    changed = replace(missing, extra_because=("the dose changed", "the medication changed"))
    require_only(changed, "extra", "the dose changed; the medication changed")
    assert refused(replace(missing, extra_because=())) == {}


def test_a_pre_step_that_was_not_done_or_another_is_refused(facts: TreatmentFacts) -> None:
    session = replace(facts.prescription.session, pre_step="show the cues")
    wanted = replace(facts, prescription=likewise(facts, session=session))
    require_only(wanted, "pre-step", "The pre-step was not done: show the cues")
    for said, passes in (("show the cues", True), ("another", False)):
        assert (refused(ordered(wanted, pre_step=said)) == {}) is passes


def ordered(facts: TreatmentFacts, **changes: Any) -> TreatmentFacts:
    assert facts.order is not None
    other = replace(facts.order.ordered, **changes)
    return replace(facts, order=replace(facts.order, ordered=other))


def test_a_patient_on_hold_is_refused(facts: TreatmentFacts) -> None:
    held = replace(facts, holds=("A seizure on Monday.", "A syncope."))
    require_only(held, "hold", "A seizure on Monday; A syncope.")
    assert not refused(held)["hold"].sentence.endswith("..")


def test_a_restore_that_is_not_accounted_for_is_refused(facts: TreatmentFacts) -> None:
    require_only(replace(facts, restore="An older copy was put back."), "restore", "older copy")


def test_without_a_policy_nothing_that_it_decides_passes(facts: TreatmentFacts) -> None:
    found = refused(replace(facts, policy=None))
    assert set(found) == {
        "policy",
        "threshold",
        "screening",
        "daily",
        "identity",
        "ears",
        "extra",
        "course",
        "day",
    }
    assert "There is no signed policy" in found["policy"].sentence
    assert most_pulses_a_day(None, facts.prescription) == 0


def test_a_dose_that_follows_from_nothing_signed_is_refused(facts: TreatmentFacts) -> None:
    none = DoseNow(None, facts.dose.thresholds, refusal="Outside the band.")
    require_only(replace(facts, dose=none), "dose", "Outside the band.")


def test_a_version_that_is_not_in_force_is_refused_with_every_objection(
    facts: TreatmentFacts,
) -> None:
    unapproved = replace(facts.standing, approved=None)
    require_only(replace(facts, standing=unapproved), "approval", "It is not in force")
    assert [one.code for one in check_again(unapproved, (), "") if one.remedy] == ["approval"]


DAYS: Mapping[str, tuple[list[tuple[float, dict[str, Any]]], str, str]] = {
    "interval": ([(10, {})], "day", "min between sessions were signed"),
    "sessions a day": ([(120, {}), (60, {})], "day", "2 sessions were given today"),
    "pulses a day": ([(60, {"pulses": 20})], "day", "20 pulses today and 18 more"),
    "clock": ([(-5, {})], "day", "which is later than now"),
}


@pytest.mark.parametrize(("given", "code", "words"), DAYS.values(), ids=DAYS)
def test_a_day_takes_no_more_than_was_signed(
    facts: TreatmentFacts,
    given: list[tuple[float, dict[str, Any]]],
    code: str,
    words: str,
) -> None:
    noon = facts.now.replace(hour=13, minute=0)
    every = {one: replace(getattr(facts, one), answered_at=noon) for one in FORMS_OF_THE_DAY}
    at_noon = replace(facts, now=noon, **every)
    sessions = [a_session(at_noon, minutes, **other) for minutes, other in given]
    found = refused(spaced(after(at_noon, *sessions), 30))
    assert code in found
    assert words in found[code].sentence
    assert set(found) <= {code, "identity", "ears", "extra"}


def spaced(facts: TreatmentFacts, minutes: int) -> TreatmentFacts:
    course = replace(facts.prescription.course, least_minutes_between=minutes)
    return replace(facts, prescription=likewise(facts, course=course))


def test_a_course_that_is_complete_or_full_for_now_is_refused(facts: TreatmentFacts) -> None:
    phase = CoursePhase.weekly(1, 2)
    course = CoursePlan((phase,), 2, 0, 36)
    days = [a_session(facts, 60 * 24 * day) for day in (1, 2)]
    full = after(facts, *days)
    full = replace(full, prescription=likewise(facts, course=course))
    require_only(full, "course", "All 2 sessions of the course were given")
    longer = replace(
        full, prescription=likewise(facts, course=replace(course, phases=(phase, phase)))
    )
    assert refused(longer) == {}
    both = replace(course, phases=(CoursePhase.weekly(2, 2),))
    stretch = replace(full, prescription=likewise(facts, course=both))
    require_only(stretch, "course", "2 sessions were given within 7 days")


def test_only_the_last_session_is_resumed(facts: TreatmentFacts) -> None:
    """Another one in between had its own dose, and its pause after it was signed."""
    later = after(facts, a_session(facts, 1), resuming=True, given_in_chain=6, another_since=True)
    found = refused(later)
    assert "Another session was given since" in found["day"].sentence


def test_a_resumed_session_counts_its_own_pulses_once(facts: TreatmentFacts) -> None:
    half = a_session(facts, 1, pulses=12)
    course = replace(facts.prescription.course, most_pulses_a_day=18)
    resumed = after(facts, half, resuming=True, given_in_chain=12)
    resumed = replace(resumed, prescription=likewise(facts, course=course))
    assert "day" not in refused(resumed)
    anew = replace(resumed, day=replace(resumed.day, resuming=False, given_in_chain=0))
    assert "12 pulses today and 18 more" in refused(anew)["day"].sentence


def test_today_is_told_in_the_policys_zone(facts: TreatmentFacts) -> None:
    assert facts.policy is not None
    assert facts.now.tzinfo == facts.policy.zone
    assert Fraction(facts.dose.session.blocks[0].pct_mt if facts.dose.session else 0) == 120
