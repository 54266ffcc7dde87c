"""Carries out what a physician decided on a matter that was shown to them.

Whether it may be done is asked by the acts of the clinic, each of which checks it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.limits import FindingAnswer
from tms_console.accounts.login import Login
from tms_console.accounts.own_key import confirm_key
from tms_console.accounts.restores import confirm_in_force
from tms_console.accounts.station import Station
from tms_console.clinic.adverse_events import HoldClearance, clear_hold
from tms_console.clinic.approvals import approve, return_, withdraw
from tms_console.clinic.dose_now import acknowledge_threshold
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.forms import AnswersClearance, clear_answers
from tms_console.clinic.policies import approve_policy, withdraw_policy
from tms_console.clinic.verdicts import Decision
from tms_console.screens.matters import Act, Kind, MatterScreen


@dataclass(frozen=True, slots=True)
class FilledDecision:
    """What a person entered beside a matter.

    Attributes:
        act: What they decided.
        answers: A reason, or "" for a mere acknowledgement, by code and block.
        choices: The uids that they marked.
        comment: In their words.
        password: Theirs.
        login_name: Asked for at the first signature of a login.
    """

    act: Act
    answers: Mapping[tuple[str, int | None], str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    comment: str = ""
    password: str = field(default="", repr=False)
    login_name: str = ""


def missing(matter: MatterScreen, filled: FilledDecision) -> str:
    """Return what is still to be entered, as a sentence; "" if it can be tried."""
    offer = next((one for one in matter.offers if one.act is filled.act), None)
    if offer is None:
        return matter.not_offered or "This cannot be done here."
    if offer.primary:
        for ask in matter.asks:
            given = filled.answers.get((ask.code, ask.block))
            if given is None and not ask.optional:
                return f"Acknowledge first: {ask.text}"
            if given is not None and ask.needs_reason and not given.strip():
                return f"Write a reason: {ask.text}"
        if matter.kind is Kind.ANSWERS and not filled.answers:
            return "Mark what you clear, each with a reason."
    if offer.needs_comment and not filled.comment.strip():
        return "Say why, in words; they go on record with your signature."
    if not filled.password:
        return "Your password signs it."
    return ""


def decide(station: Station, login: Login, matter: MatterScreen, filled: FilledDecision) -> str:
    """Sign what was decided and put it on record; return what happened, as a sentence.

    Raises:
        ClinicRefused: It cannot be done, each reason as a sentence.
        AccountsRefused: Password, name or key are not right.
        NotTrusted: The database cannot be trusted.
    """
    password, name = filled.password, filled.login_name
    decision = Decision(matter.uid, matter.digest, comment=filled.comment)
    match matter.kind, filled.act:
        case Kind.PRESCRIPTION, Act.APPROVE:
            answers = tuple(
                FindingAnswer(code, block, reason)
                for (code, block), reason in filled.answers.items()
            )
            told = Decision(matter.uid, matter.digest, answers, filled.comment)
            approve(station, login, told, password, name)
            return "Approved and signed."
        case Kind.PRESCRIPTION, Act.RETURN:
            return_(station, login, decision, password, name)
            return "Returned with your comment."
        case Kind.PRESCRIPTION, Act.WITHDRAW:
            withdraw(station, login, decision, password, name)
            return "Withdrawn; nothing is delivered from it any more."
        case Kind.POLICY, Act.APPROVE:
            approve_policy(station, login, decision, password, name)
            return "The policy is approved and in force."
        case Kind.POLICY, Act.WITHDRAW:
            withdraw_policy(station, login, decision, password, name)
            return "The policy is withdrawn; nothing is armed until one is approved."
        case Kind.THRESHOLD, Act.ACKNOWLEDGE:
            acknowledge_threshold(station, login, decision, password, name)
            return "The threshold is acknowledged."
        case Kind.ANSWERS, Act.CLEAR:
            reasons = {code: reason for (code, _), reason in filled.answers.items()}
            cleared = AnswersClearance(matter.uid, reasons)
            clear_answers(station, login, cleared, password, name)
            return "Cleared and signed."
        case Kind.HOLD, Act.CLEAR:
            clear_hold(station, login, HoldClearance(matter.uid, filled.comment), password, name)
            return "The patient is cleared for treatment again."
        case Kind.KEY, Act.CONFIRM_KEY:
            confirm_key(station, login, matter.uid, password)
            return "The key is confirmed."
        case Kind.RESTORE, Act.CONFIRM_IN_FORCE:
            items, comment = filled.choices, filled.comment
            confirm_in_force(
                station, login, matter.uid, items, password, login_name=name, comment=comment
            )
            return "Signed: this list is in force."
        case _:
            raise ClinicRefused(f"There is nothing to {filled.act} of a {matter.kind}.")
