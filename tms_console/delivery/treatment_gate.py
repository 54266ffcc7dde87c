"""May this patient be treated now?  The questions about people, approval, patient and day.

Pure: the facts are `gate_facts`, `treatment` gathers them from the signed record, and what the
device must be able to do is for `gate`.  Every refusal says what to do; none of them has a way
around it, in an emergency either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from protocols.course_rules import NextSession, course_refusals
from protocols.policy import Policy
from protocols.prescription import Prescription
from tms_console.clinic.verdicts import Standing
from tms_console.delivery.gate_answers import Answer, CheckResult, result
from tms_console.delivery.gate_facts import (
    AskedFacts,
    DayFact,
    FormFact,
    ThresholdFact,
    TreatmentFacts,
)


def check_treatment(facts: TreatmentFacts) -> tuple[CheckResult, ...]:
    """Return the answers of every question, in a fixed order."""
    passed = CheckResult("record", Answer.PASSED, "The record is what this console wrote.")
    return (
        passed,
        restore_check(facts),
        _order(facts),
        _approval(facts.standing),
        policy_check(facts.policy),
        _threshold(facts),
        _dose(facts),
        screening_check(facts),
        form_check(facts, "daily", facts.daily),
        form_check(facts, "identity", facts.identity, since_last=True),
        form_check(facts, "ears", facts.ears, since_last=True),
        _extra(facts),
        _pre_step(facts),
        hold_check(facts.holds),
        _course(facts),
        _day(facts),
    )


def check_again(standing: Standing, holds: Sequence[str], restore: str) -> tuple[CheckResult, ...]:
    """Return the answers that can change while a session runs."""
    return (
        result("restore", not restore, restore or "No older copy was put back.", _RESTORE_REMEDY),
        _approval(standing),
        hold_check(holds),
    )


_RESTORE_REMEDY = "A physician signs which prescriptions are still in force."


def restore_check(facts: AskedFacts) -> CheckResult:
    """Return whether an older copy that was put back is accounted for."""
    return result(
        "restore",
        not facts.restore,
        facts.restore or "No older copy of the record was put back since.",
        _RESTORE_REMEDY,
    )


def _order(facts: TreatmentFacts) -> CheckResult:
    """A technician's signed order for exactly this session, and never the same one again."""
    remedy = "Order the session anew, on the Treat page."
    order, challenge = facts.order, facts.challenge
    if order is None:
        return CheckResult("order", Answer.REFUSED, facts.order_fault, remedy)
    ordered = order.ordered
    wrong = []
    if challenge is None or (ordered.session_uid, ordered.nonce) != (
        challenge.session_uid,
        challenge.nonce,
    ):
        wrong.append("it is not an answer to this program's question, or was used before")
    digests = {ordered.authority_digest, facts.digest, facts.prescription.digest()}
    if ordered.authority_uid != facts.prescription.uid or len(digests) != 1:
        wrong.append("it is for another prescription or version")
    if ordered.patient_uid != facts.prescription.patient_uid:
        wrong.append("it is for another patient")
    if ordered.threshold_uids != tuple(one.uid for one in facts.dose.thresholds):
        wrong.append("a threshold was measured since, or it names another")
    if ordered.session_number != facts.day.number:
        wrong.append(
            f"it is for session {ordered.session_number} of the course, and {facts.day.number} is "
            "due"
        )
    return result(
        "order",
        not wrong,
        f"The start order of {order.technician.name} does not hold: {'; '.join(wrong)}."
        if wrong
        else f"{order.technician.name} ordered this session.",
        remedy,
    )


def _approval(standing: Standing) -> CheckResult:
    if standing.in_force and standing.approved is not None:
        signed = standing.approved
        by = signed.enrolment
        return CheckResult(
            "approval",
            Answer.PASSED,
            f"Version {standing.version.number} was approved by {by.name} on {signed.at[:10]}; "
            f"the key was enrolled by {by.enrolled_by} on {by.enrolled_at[:10]}.",
        )
    objections = standing.objections
    return CheckResult(
        "approval",
        Answer.REFUSED,
        " ".join(one.sentence for one in objections) or "It is not in force.",
        " ".join(dict.fromkeys(one.remedy for one in objections)) or "A physician approves it.",
    )


def policy_check(policy: Policy | None) -> CheckResult:
    """Return whether there is a signed policy."""
    return result(
        "policy",
        policy is not None,
        "There is no signed policy of the clinic."
        if policy is None
        else f"Version {policy.version} of the clinic's policy is in force.",
        "A physician signs the policy; without one no real stimulator is armed.",
    )


def _age(one: ThresholdFact) -> str:
    days = "1 day" if one.days == 1 else f"{one.days} days"
    sessions = "1 session" if one.sessions == 1 else f"{one.sessions} sessions"
    return f"{days} and {sessions}"


def _threshold(facts: TreatmentFacts) -> CheckResult:
    policy = facts.policy
    if policy is None:
        return _unknown("threshold")
    if len(facts.thresholds) != len(facts.prescription.session.blocks):
        return CheckResult(
            "threshold",
            Answer.REFUSED,
            "Of a block of the prescription no threshold is on record.",
            "Measure the threshold again.",
        )
    untrue = [
        f"Block {one.block}: the threshold ({one.words}) is not what was found. {one.otherwise}"
        for one in facts.thresholds
        if one.otherwise
    ]
    if untrue:
        return CheckResult(
            "threshold", Answer.REFUSED, " ".join(untrue), "Measure the threshold again."
        )
    old = [
        f"Block {one.block}: the threshold ({one.words}) is {_age(one)} "
        f"old; {policy.threshold_refuse_days} days and {policy.threshold_refuse_sessions} "
        "sessions are the most."
        for one in facts.thresholds
        if one.days > policy.threshold_refuse_days
        or one.sessions >= policy.threshold_refuse_sessions
        or one.days < 0
    ]
    told = "; ".join(
        f"block {one.block}: {one.words}, {_age(one)} old"
        + (
            ", to be measured again"
            if one.days >= policy.threshold_prompt_days
            or one.sessions >= policy.threshold_prompt_sessions
            else ""
        )
        for one in facts.thresholds
    )
    return result(
        "threshold",
        not old,
        " ".join(old) or f"Threshold of {told}.",
        "Measure the threshold again.",
    )


def _dose(facts: TreatmentFacts) -> CheckResult:
    dose = facts.dose
    if dose.session is None:
        return CheckResult("dose", Answer.REFUSED, dose.refusal, "Propose a new version.")
    words = ", ".join(f"{block.intensity_pct_mso} %MSO" for block in dose.session.blocks)
    moved = "".join(f" {change}." for change in dose.changed)
    return CheckResult("dose", Answer.PASSED, f"{words}.{moved}")


def _unknown(code: str) -> CheckResult:
    return CheckResult(
        code,
        Answer.REFUSED,
        "Without a signed policy nobody knows what is allowed.",
        "A physician signs the policy.",
    )


def screening_check(facts: AskedFacts) -> CheckResult:
    """Return whether the patient was screened, not too long ago, and cleared."""
    form, policy = facts.screening, facts.policy
    if policy is None:
        return _unknown("screening")
    if form.answered_at is None:
        return _missing("screening", form)
    if form.answered_at > facts.now:
        return _of_the_future("screening", form)
    days = (facts.now.date() - form.answered_at.astimezone(facts.now.tzinfo).date()).days
    if days > policy.screening_days:
        return CheckResult(
            "screening",
            Answer.REFUSED,
            f"{form.name} is {days} days old; {policy.screening_days} days are the most.",
            "Screen the patient again.",
        )
    ago = "today" if not days else "yesterday" if days == 1 else f"{days} days ago"
    return _answers("screening", form, f"{form.name}, {ago}.")


def form_check(
    facts: AskedFacts, code: str, form: FormFact, *, since_last: bool = False
) -> CheckResult:
    """A check before every session: of today, fresh, and some of them not of the last session."""
    policy = facts.policy
    if policy is None:
        return _unknown(code)
    at = form.answered_at
    if at is None:
        return _missing(code, form)
    if at > facts.now:
        return _of_the_future(code, form)
    age = facts.now - at
    today = at.astimezone(facts.now.tzinfo).date() == facts.now.date()
    last = facts.day.last_ended_at
    stale = since_last and not facts.day.resuming and last is not None and at < last
    if not today or age > timedelta(minutes=policy.pre_session_minutes) or stale:
        return CheckResult(
            code,
            Answer.REFUSED,
            f"{form.name} was filled in {_age_words(age)} ago"
            + (" and before the last session" if stale else "")
            + f"; it must be of today and of the last {policy.pre_session_minutes} minutes.",
            "Fill it in again.",
        )
    return _answers(code, form, f"{form.name}, today.")


def _age_words(age: timedelta) -> str:
    """Return an age as a person says it: minutes to two hours, hours to two days, then days."""
    minutes = int(age.total_seconds() // 60)
    for least, size, unit in ((48 * 60, 24 * 60, "days"), (120, 60, "hours")):
        if minutes >= least:
            return f"{minutes // size} {unit}"
    if minutes == 0:
        return "less than a minute"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _missing(code: str, form: FormFact) -> CheckResult:
    return CheckResult(
        code, Answer.REFUSED, f"{form.name} was not filled in.", "Fill it in with the patient."
    )


def _of_the_future(code: str, form: FormFact) -> CheckResult:
    return CheckResult(
        code,
        Answer.REFUSED,
        f"{form.name} is dated later than now.",
        "Set the computer's clock, and fill it in again.",
    )


def _answers(code: str, form: FormFact, passed: str) -> CheckResult:
    if form.refused:
        return CheckResult(
            code,
            Answer.REFUSED,
            f"{form.name}: {'; '.join(form.refused)}.",
            "Put it right and fill the form in again.",
        )
    return result(
        code,
        not form.uncleared,
        f"{form.name}: not cleared by a physician: {'; '.join(form.uncleared)}."
        if form.uncleared
        else passed,
        "A physician clears these answers with a reason, or does not.",
    )


def _extra(facts: TreatmentFacts) -> CheckResult:
    if not facts.extra_because:
        return CheckResult("extra", Answer.PASSED, "No extra check is needed.")
    why = "; ".join(facts.extra_because)
    answer = form_check(facts, "extra", facts.extra, since_last=True)
    if answer.answer is Answer.PASSED:
        return CheckResult("extra", Answer.PASSED, f"Extra check ({why}): {answer.sentence}")
    return CheckResult(
        "extra",
        Answer.REFUSED,
        f"An extra check is needed ({why}). {answer.sentence}",
        answer.remedy,
    )


def _pre_step(facts: TreatmentFacts) -> CheckResult:
    wanted = facts.prescription.session.pre_step
    if wanted is None:
        return CheckResult("pre-step", Answer.PASSED, "No pre-step is prescribed.")
    done = None if facts.order is None else facts.order.ordered.pre_step
    return result(
        "pre-step",
        done == wanted,
        f"Pre-step: {wanted}." if done == wanted else f"The pre-step was not done: {wanted}.",
        "Do it, and say so in the start order.",
    )


def hold_check(holds: Sequence[str]) -> CheckResult:
    """Return whether the patient is on hold."""
    told = "; ".join(one.rstrip(".") for one in holds)
    return result(
        "hold",
        not holds,
        f"The patient is on hold: {told}." if holds else "The patient is not on hold.",
        "A physician clears the patient with a reason, or does not.",
    )


_OF_THE_COURSE = frozenset({"course-complete", "sessions-a-stretch"})


def _course(facts: TreatmentFacts) -> CheckResult:
    total = facts.prescription.course.total_sessions
    passed = f"Session {facts.day.number} of {total}."
    return _by_rules("course", facts, _OF_THE_COURSE, passed, of_course=True)


def _day(facts: TreatmentFacts) -> CheckResult:
    if facts.day.another_since:
        return CheckResult(
            "day",
            Answer.REFUSED,
            "Another session was given since the one that is to be resumed.",
            "Start a new session when one is due.",
        )
    passed = "Sessions, pulses and the time between are within what was signed."
    return _by_rules("day", facts, _OF_THE_COURSE, passed, of_course=False)


def _by_rules(
    code: str, facts: TreatmentFacts, codes: frozenset[str], passed: str, *, of_course: bool
) -> CheckResult:
    """Return what course and policy say, of the course itself or of the day."""
    if facts.policy is None:
        return _unknown(code)
    pulses = 0 if facts.dose.session is None else facts.dose.session.pulses
    policy = _left_of(facts.policy, facts.day)
    wanted = NextSession(
        pulses=max(0, pulses - facts.day.given_in_chain),
        at=facts.now,
        resumes=facts.day.resuming,
    )
    course = facts.prescription.course
    found = [
        one
        for one in course_refusals(course, policy, facts.day.given, wanted)
        if (one.code in codes) == of_course
    ]
    return result(
        code,
        not found,
        " ".join(one.sentence for one in found) or passed,
        " ".join(dict.fromkeys(one.remedy for one in found)),
    )


def _left_of(policy: Policy, day: DayFact) -> Policy:
    """Return the policy with the pulses a day that threshold finding has left of it."""
    left = max(1, policy.most_pulses_a_day - day.finding_pulses)
    return replace(policy, most_pulses_a_day=left)


def most_pulses_a_day(
    policy: Policy | None, prescription: Prescription, finding_pulses: int = 0
) -> int:
    """Return the pulses of treatment that may be given on one day, 0 without a policy.

    Args:
        policy: In force.
        prescription: What is delivered.
        finding_pulses: Single stimuli of the day that looked for a threshold.
    """
    if policy is None:
        return 0
    left = max(0, policy.most_pulses_a_day - finding_pulses)
    return min(left, prescription.course.most_pulses_a_day)
