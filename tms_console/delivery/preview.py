"""What the gate would say of a treatment that nobody has ordered yet, for whoever prepares it.

It asks the gate's own questions of the gate's own facts, with the order that would be signed; it
signs nothing, and only the answers before a session count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from protocols.measured import ThresholdReference
from protocols.policy import Policy
from protocols.prescription import Prescription, SessionContent
from protocols.remeasure import Today
from tms_console.accounts.book import Enrolment
from tms_console.accounts.clock_corrections import clock_floor
from tms_console.accounts.login import Login
from tms_console.accounts.start_orders import Ordered, StartOrder, order_start
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.dose_now import DoseNow, band_now
from tms_console.delivery.gate import CheckResult, check_computer
from tms_console.delivery.gate_facts import DayFact
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.plan import Shot, plan_session
from tms_console.delivery.process import new_challenge
from tms_console.delivery.resume import CannotResume, resumption
from tms_console.delivery.treatment_facts import Examination
from tms_console.delivery.wall import behind_s
from tms_console.records.database import Database
from tms_console.records.lineage import session_chain

_NOWHERE = EmulatorOrder(name="magpro")
"""A preview names no device: nothing is opened by it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to give.

    Attributes:
        prescription_uid: The version.
        resumes_uid: The session that it would go on from, None for a new one.
        today_pct_mt: Percentage of each block for today, None for the prescribed ones.
        pre_step_done: The pre-step was done, if one is prescribed.
        states_coil: Whoever orders it states that the prescribed coil is connected, because the
            stimulator does not say which is.
    """

    prescription_uid: str
    resumes_uid: str | None = None
    today_pct_mt: tuple[Fraction, ...] | None = None
    pre_step_done: bool = False
    states_coil: bool = False


@dataclass(frozen=True, slots=True)
class Goes:
    """Where a session would go on.

    Attributes:
        train: Its first train.
        pulse: Its first pulse.
        refusal: Why it may not be resumed, "" if it may.
    """

    train: int = 0
    pulse: int = 0
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen if it were ordered now.

    Attributes:
        wanted: What was asked.
        prescription: The version.
        dose: What it delivers now.
        ordered: What would be signed, with a session and a nonce that nobody accepts.
        policy: The policy in force.
        checks: What the gate says of people, approval, patient and day.
        day: What the patient had.
        goes_on: Where it goes on, None for a new session.
    """

    wanted: Wanted
    prescription: Prescription
    dose: DoseNow
    ordered: Ordered
    policy: Policy | None
    checks: tuple[CheckResult, ...]
    day: DayFact
    goes_on: Goes | None


def preview(trusted: Trusted, station: Station, technician: Enrolment, wanted: Wanted) -> Preview:
    """Return what the gate would say if this were ordered now.

    Args:
        trusted: The record.
        station: This console.
        technician: Who would order it.
        wanted: What.

    Raises:
        ClinicRefused: There is no such prescription.
        NotTrusted: The record cannot be believed.
        RecordsError: It cannot be read.
    """
    look = _Unordered(trusted, station, technician, wanted)
    found = look.result()
    goes_on = None
    if wanted.resumes_uid is not None:
        goes_on = _goes_on(station, found.prescription, wanted.resumes_uid, look.now)
    return Preview(
        wanted,
        found.prescription,
        found.dose,
        look.ordered,
        found.policy,
        found.checks,
        found.day,
        goes_on,
    )


def sign_order(
    station: Station,
    login: Login,
    shown: Preview,
    challenge: Challenge,
    device: EmulatorOrder | PortOrder,
) -> SessionOrder:
    """Return the order for exactly what was shown, signed by who is logged in.

    Raises:
        NotPermitted: Their role does not include it.
        LoginLocked: The screen is locked.
        NotTrusted: The database cannot be trusted.
    """
    ordered = replace(shown.ordered, session_uid=challenge.session_uid, nonce=challenge.nonce)
    return SessionOrder(
        kind="treatment",
        digest=shown.ordered.authority_digest,
        authority_uid=shown.ordered.authority_uid,
        database=str(station.database.path),
        device=device,
        actor=login.user_uid,
        resumes_uid=shown.wanted.resumes_uid,
        start_order=order_start(station, login, ordered),
    )


class _Unordered(Examination):
    """A look at the record for an order that is about to be signed."""

    def __init__(
        self, trusted: Trusted, station: Station, technician: Enrolment, wanted: Wanted
    ) -> None:
        challenge = new_challenge()
        order = SessionOrder(
            kind="rehearsal",  # it is looked at and given to nobody
            digest="0" * 64,
            authority_uid=wanted.prescription_uid,
            database=str(station.database.path),
            device=_NOWHERE,
            actor=technician.user_uid,
            resumes_uid=wanted.resumes_uid,
        )
        super().__init__(trusted, station, order, challenge)
        self._order = replace(order, digest=self._prescription.digest())
        self._technician = technician
        number = self._day().number
        today = None if wanted.today_pct_mt is None else Today(number, wanted.today_pct_mt)
        dose = band_now(trusted, self._prescription, today)
        self.ordered = Ordered(
            authority_uid=self._prescription.uid,
            authority_digest=self._prescription.digest(),
            patient_uid=self._prescription.patient_uid,
            threshold_uids=_uids(dose.thresholds),
            session_number=number,
            session_uid=challenge.session_uid,
            nonce=challenge.nonce,
            today_pct_mt=wanted.today_pct_mt,
            pre_step=self._prescription.session.pre_step if wanted.pre_step_done else None,
            stated_coil=the_coil(self._prescription.session) if wanted.states_coil else None,
        )

    @property
    def now(self) -> datetime:
        """Wall time in the time zone that says which day it is."""
        return self._now

    def _start_order(self) -> tuple[StartOrder | None, str]:
        """Return the order as it would be signed, by somebody who is active."""
        who = self._trusted.book.active(self._technician.user_uid, self._wall)
        if who is None or who.uid != self._technician.uid:
            return None, f"{self._technician.name} is not active any more."
        return StartOrder("unsigned", self.ordered, self._technician, self._wall), ""


def _uids(thresholds: Sequence[ThresholdReference]) -> tuple[str, ...]:
    return tuple(one.uid for one in thresholds)


def _goes_on(station: Station, signed: Prescription, uid: str, now: datetime) -> Goes:
    """Return where a session would go on, by the rules that the delivering process has."""
    chain = session_chain(station.database, uid)
    shots = shots_of(signed.session)
    try:
        found = resumption(chain, shots, signed.digest(), now)
    except CannotResume as error:
        return Goes(refusal=f"It cannot be resumed: {error}.")
    first = shots[found.first_shot]
    return Goes(first.scheduled.number, first.first_pulse)


def computer_now(trusted: Trusted, database: Database) -> tuple[CheckResult, ...]:
    """Return what the gate says of this computer: room on the record's disk, and the clock.

    Raises:
        RecordsError: The record cannot be read.
    """
    return check_computer(database.free_bytes(), behind_s(clock_floor(trusted, database)))


def the_coil(session: SessionContent) -> str | None:
    """Return the one coil that a session asks for, None if it asks for several."""
    coils = {block.coil for block in session.blocks}
    return coils.pop() if len(coils) == 1 else None


def shots_of(session: SessionContent) -> tuple[Shot, ...]:
    """Return what one command each of a session sets off, whatever the device."""
    return plan_session(session, waits_between_blocks=False, checking_s=0.0, arming_s=0.0).shots
