"""What the gate is told about a treatment besides the device: values only.

They are gathered in `treatment_facts` and judged in `treatment_gate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protocols.course_rules import GivenSession
from protocols.policy import Policy
from protocols.prescription import Prescription
from tms_console.accounts.start_orders import StartOrder
from tms_console.clinic.dose_now import DoseNow
from tms_console.clinic.verdicts import Standing
from tms_console.delivery.order import Challenge


@dataclass(frozen=True, slots=True)
class FormFact:
    """What is known of one form's newest answers.

    Attributes:
        name: What the form is called.
        answered_at: When it was filled in, None if it never was.
        refused: Answers with which nothing is started, in words.
        uncleared: Answers that a physician must clear and has not, in words.
    """

    name: str
    answered_at: datetime | None = None
    refused: tuple[str, ...] = ()
    uncleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ThresholdFact:
    """How old the threshold of a block is.

    Attributes:
        block: Which block, from 1.
        words: The threshold in words.
        days: Whole days since it was measured, in the clinic's time zone.
        sessions: Sessions of treatment given since.
        otherwise: Why it is not what its series on record gives, "" if it is or has none.
    """

    block: int
    words: str
    days: int
    sessions: int
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class DayFact:
    """What the patient had.

    Attributes:
        given: Every session of treatment, a resumed one together with those it goes on from.
        number: Which session of the course this is, from 1.
        resuming: This session goes on from one that is counted already.
        given_in_chain: Pulses of the sessions that it goes on from.
        another_since: A session was given after the one that this goes on from.
        finding_pulses: Single stimuli of today that looked for a threshold: they count against
            the policy's pulses a day, and not against a course's, which speak of treatment.
    """

    given: tuple[GivenSession, ...] = ()
    number: int = 1
    resuming: bool = False
    given_in_chain: int = 0
    another_since: bool = False
    finding_pulses: int = 0

    @property
    def last_ended_at(self) -> datetime | None:
        """When the last session ended, None if there was none."""
        return max((one.ended_at for one in self.given), default=None)


class AskedFacts(Protocol):
    """What is asked of a patient before anything is given, treatment or single stimuli."""

    @property
    def now(self) -> datetime:
        """Wall time in the time zone of the policy."""
        ...

    @property
    def restore(self) -> str:
        """Why an older copy that was put back is not accounted for yet, "" if it is."""
        ...

    @property
    def policy(self) -> Policy | None:
        """The policy in force, None if there is none."""
        ...

    @property
    def screening(self) -> FormFact:
        """The screening."""
        ...

    @property
    def day(self) -> DayFact:
        """What the patient had."""
        ...


@dataclass(frozen=True, slots=True)
class TreatmentFacts:
    """Everything that the gate asks about a treatment besides the device.

    Attributes:
        now: Wall time in the time zone of the policy.
        restore: Why an older copy that was put back is not accounted for yet, "" if it is.
        order: The technician's start order, None if it does not hold.
        order_fault: Why it does not.
        challenge: What the delivering process wanted in it, None if it gave nothing out.
        digest: The digest of the prescription as it was ordered.
        prescription: What is to be delivered.
        standing: Where it stands.
        policy: The policy in force, None if there is none.
        dose: What it delivers now.
        thresholds: How old they are, for each block.
        screening: The screening.
        daily: The daily check.
        identity: The two-identifier check.
        ears: Ear protection.
        extra: The extra check.
        extra_because: Why an extra check is needed, () if it is not.
        holds: Why the patient is on hold, () if they are not.
        day: What the patient had.
    """

    now: datetime
    restore: str
    order: StartOrder | None
    order_fault: str
    challenge: Challenge | None
    digest: str
    prescription: Prescription
    standing: Standing
    policy: Policy | None
    dose: DoseNow
    thresholds: Sequence[ThresholdFact]
    screening: FormFact
    daily: FormFact
    identity: FormFact
    ears: FormFact
    extra: FormFact
    extra_because: Sequence[str]
    holds: Sequence[str]
    day: DayFact
