"""May a threshold be looked for, and may this stimulus be given?  Pure, like `treatment_gate`.

The session rests on the clinic's signed policy; nothing here has a way around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from protocols.finding_bounds import Stimulus, stimulus_inside
from protocols.finding_content import Aim
from protocols.policy import Policy
from tms_console.accounts.roles import Role
from tms_console.accounts.start_orders import StartOrder
from tms_console.delivery.gate import Answer, CheckResult
from tms_console.delivery.gate_facts import DayFact, FormFact
from tms_console.delivery.order import Challenge
from tms_console.delivery.treatment_gate import (
    form_check,
    hold_check,
    policy_check,
    restore_check,
    screening_check,
)

_ANEW = "Order it anew, on the Threshold page."


@dataclass(frozen=True, slots=True)
class FindingFacts:
    """Everything that the gate asks about a search for a threshold besides the device.

    Attributes:
        now: Wall time in the time zone of the policy.
        restore: Why an older copy that was put back is not accounted for yet, "" if it is.
        order: The start order, None if it does not hold.
        order_fault: Why it does not.
        challenge: What the delivering process wanted in it, None if it gave nothing out.
        authority_uid: The policy that was ordered under.
        digest: Its digest, as it was ordered.
        policy: The policy in force, None if there is none.
        patient_uid: Whose threshold; of the order that holds.
        first: The patient has no threshold on record.
        screening: The screening.
        identity: The two-identifier check.
        ears: Ear protection.
        holds: Why the patient is on hold, () if they are not.
        day: What the patient had; `finding_pulses` are today's single stimuli.
        pulses_today: Pulses of treatment of today.
        since_last_s: Time since the patient's last session ended, None if there was none.
    """

    now: datetime
    restore: str
    order: StartOrder | None
    order_fault: str
    challenge: Challenge | None
    authority_uid: str
    digest: str
    policy: Policy | None
    patient_uid: str
    first: bool
    screening: FormFact
    identity: FormFact
    ears: FormFact
    holds: tuple[str, ...]
    day: DayFact
    pulses_today: int
    since_last_s: Fraction | None


def check_finding(facts: FindingFacts) -> tuple[CheckResult, ...]:
    """Return the answers of every question before a series, in a fixed order."""
    return (
        CheckResult("record", Answer.PASSED, "The record is what this console wrote."),
        restore_check(facts),
        _order(facts),
        policy_check(facts.policy),
        *_bounds(facts),
        screening_check(facts),
        form_check(facts, "identity", facts.identity, since_last=True),
        form_check(facts, "ears", facts.ears, since_last=True),
        hold_check(facts.holds),
        _day(facts),
    )


def check_stimulus(policy: Policy | None, stimulus: Stimulus) -> tuple[CheckResult, ...]:
    """Return what the policy says of one stimulus; each bound that it breaks is a refusal."""
    if policy is None:
        return (policy_check(None),)
    broken = stimulus_inside(policy, stimulus)
    if not broken:
        return (CheckResult("bounds", Answer.PASSED, "It is inside the policy's bounds."),)
    return tuple(CheckResult(one.code, Answer.REFUSED, one.sentence, one.remedy) for one in broken)


def first_stimulus(facts: FindingFacts) -> Stimulus:
    """Return the first stimulus of the series as the policy's bounds see it."""
    role = "" if facts.order is None else facts.order.technician.role.value
    return Stimulus(
        pulses=1,
        intensity_pct_mso=1,
        since_last_s=facts.since_last_s,
        given=0,
        role=role,
        first_threshold=facts.first,
        physician_present=role == Role.PHYSICIAN,
    )


def _bounds(facts: FindingFacts) -> tuple[CheckResult, ...]:
    """Who may, and how soon: by the policy's own comparison, named one by one."""
    found = {one.code: one for one in check_stimulus(facts.policy, first_stimulus(facts))}
    codes = (
        ("finder", "role", "Who ordered it may look for a threshold."),
        ("first threshold", "first-threshold", _first_words(facts)),
        ("interval", "interval", "The last stimulus is long enough ago."),
    )
    if facts.policy is None:
        return tuple(
            CheckResult(code, Answer.REFUSED, "Without a signed policy nobody knows.", _ANEW)
            for code, _, _ in codes
        )
    return tuple(
        CheckResult(code, Answer.REFUSED, found[name].sentence, found[name].remedy)
        if name in found
        else CheckResult(code, Answer.PASSED, passed)
        for code, name, passed in codes
    )


def _first_words(facts: FindingFacts) -> str:
    if facts.first:
        return "It is the patient's first threshold, and a physician ordered it."
    return "The patient has a threshold on record."


def _order(facts: FindingFacts) -> CheckResult:
    """A signed order for exactly this series, and never the same one again."""
    order, challenge = facts.order, facts.challenge
    if order is None:
        return CheckResult("order", Answer.REFUSED, facts.order_fault, _ANEW)
    ordered, wrong = order.ordered, []
    if challenge is None or (ordered.session_uid, ordered.nonce) != (
        challenge.session_uid,
        challenge.nonce,
    ):
        wrong.append("it is not an answer to this program's question, or was used before")
    if ordered.aim is None:
        wrong.append("it orders a treatment")
    policy = facts.policy
    in_force = None if policy is None else (policy.uid, policy.digest())
    if {(ordered.authority_uid, ordered.authority_digest), (facts.authority_uid, facts.digest)} != {
        in_force
    }:
        wrong.append("it is under another policy than the one in force")
    if ordered.patient_uid != facts.patient_uid:
        wrong.append("it is for another patient")
    if wrong:
        told = f"The start order of {order.technician.name} does not hold: {'; '.join(wrong)}."
        return CheckResult("order", Answer.REFUSED, told, _ANEW)
    return CheckResult("order", Answer.PASSED, f"{order.technician.name} ordered this series.")


def _day(facts: FindingFacts) -> CheckResult:
    """Single stimuli count where a day's pulses are limited."""
    policy = facts.policy
    if policy is None:
        return CheckResult(
            "day", Answer.REFUSED, "Without a signed policy nobody knows what is allowed.", _ANEW
        )
    had, most = facts.pulses_today + facts.day.finding_pulses, policy.most_pulses_a_day
    if had < most:
        return CheckResult(
            "day", Answer.PASSED, f"{had:,} pulses today; the policy allows {most:,} a day."
        )
    return CheckResult(
        "day",
        Answer.REFUSED,
        f"{had:,} pulses were given today; the policy allows {most:,} a day.",
        "Look for the threshold on another day.",
    )


def aim_of(facts: FindingFacts) -> Aim | None:
    """Return which threshold was ordered to be looked for."""
    return None if facts.order is None else facts.order.ordered.aim
