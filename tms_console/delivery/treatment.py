"""A treatment's authority, read from the signed record: prescription, approval, order and patient.

It reads only what the console can vouch for, once before the session and, as far as somebody wrote
something since, before every train.  What follows from the facts is decided in `treatment_gate`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from protocols.measured import ThresholdReference
from protocols.prescription import SessionContent
from protocols.remeasure import OutsidePrescription, session_at
from tms_console.accounts.anchor import require_anchor, the_clinic
from tms_console.accounts.errors import AccountsError, NotTrusted
from tms_console.accounts.station import Station
from tms_console.clinic.approvals import standing
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.policies import policy_in_force
from tms_console.delivery.authority import OnRecord
from tms_console.delivery.gate import Answer, CheckResult, CoilStated
from tms_console.delivery.gate_facts import DayFact
from tms_console.delivery.order import Challenge, SessionOrder
from tms_console.delivery.place import CannotBegin
from tms_console.delivery.still_allowed import (
    StillAllowed,
    matters,
    same_person,
    same_policy,
    seal_end,
)
from tms_console.delivery.treatment_facts import (
    Examination,
    Examined,
    holds_in_words,
    restore_in_words,
)
from tms_console.delivery.treatment_gate import check_again, most_pulses_a_day
from tms_console.records.clinical import CONSOLE_ACTOR, AddRecord
from tms_console.records.database import Database, Purpose
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.operations import SessionKind
from tms_console.records.upkeep import newest_integrity


class NotBelieved(CannotBegin):
    """The record is not what this console wrote; nothing is written into it either."""


def examine(
    order: SessionOrder, database: Database, challenge: Challenge | None
) -> TreatmentAuthority:
    """Return the authority of a treatment, with everything that the gate has to say about it.

    Raises:
        NotBelieved: The record cannot be believed.
        CannotBegin: It holds no such prescription.
        DatabaseUnusable: The database is for something else.
    """
    with believed(database) as station, station.trusting() as trusted:
        found = Examination(trusted, station, order, challenge).result()
    return TreatmentAuthority(station, order, found)


@contextlib.contextmanager
def believed(database: Database) -> Iterator[Station]:
    """Open the signed record for what is about to be given; what it refuses becomes CannotBegin.

    The first look at it reads all of it; those before each train follow it.

    Raises:
        NotBelieved: The record cannot be believed.
        CannotBegin: It does not hold what is asked for.
        DatabaseUnusable: The database is for something else.
    """
    if database.purpose is Purpose.REHEARSAL:
        raise DatabaseUnusable(
            f"{database.path}: this is a rehearsal database, and a treatment belongs into the "
            "clinic's"
        )
    try:
        station = Station(database, require_anchor(database.uid)).following()
        require_the_clinic(database)
        require_sound(database)
        yield station
    except NotTrusted as error:
        refused = CheckResult(
            "record",
            Answer.REFUSED,
            str(error),
            "An administrator looks at it with `tms-console records verify`; nothing is armed "
            "until the record is put right.",
        )
        raise NotBelieved(f"{refused.sentence} {refused.remedy}", (refused,)) from error
    except (ClinicRefused, AccountsError) as error:
        raise CannotBegin(str(error)) from error


def require_the_clinic(database: Database) -> None:
    """Do nothing if it is a demonstration, or the one clinic of this console.

    Raises:
        NotTrusted: It is another, which anybody at the keyboard could have started.
    """
    if database.purpose is Purpose.CLINIC and the_clinic() != database.uid:
        raise NotTrusted(
            "another",
            "This console's clinic is another database; real stimulators are armed for that one "
            "alone.",
        )


def require_sound(database: Database) -> None:
    """Do nothing unless the newest daily check of the file found something wrong with it.

    Raises:
        NotTrusted: It did.
    """
    newest = newest_integrity(database)
    if newest is not None and not newest.sound:
        raise NotTrusted(
            "integrity",
            f"The check of the database file on {newest.at[:10]} found it damaged. Make a copy of "
            "it, and put the newest backup back.",
        )


class TreatmentAuthority:
    """One treatment that was ordered; every answer of the gate about it."""

    def __init__(self, station: Station, order: SessionOrder, found: Examined) -> None:
        self._station = station
        self._order = order
        self._found = found
        self._still = StillAllowed(station, found.head, self._look, matters)
        self.content: SessionContent = found.dose.session or found.prescription.session
        self.pulses_before = _pulses_today(found.day, self.now())
        self.newest_at = found.clock_floor
        self.pulses_allowed = most_pulses_a_day(
            found.policy, found.prescription, found.day.finding_pulses
        )

    @property
    def on_record(self) -> OnRecord:
        """What the session's row says."""
        order = self._found.order
        technician = None if order is None else order.technician.user_uid
        return OnRecord(
            SessionKind.TREATMENT,
            self._found.prescription.uid,
            self._order.digest,
            technician or CONSOLE_ACTOR,
            self._found.dose.thresholds[0].uid,
            technician,
        )

    @property
    def coil_stated(self) -> CoilStated | None:
        """What the technician's signed order says of the coil."""
        order = self._found.order
        if order is None or order.ordered.stated_coil is None:
            return None
        return CoilStated(order.ordered.stated_coil, order.technician.name)

    def digest_now(self) -> str:
        """Return the prescription's digest, if what runs is what it delivers at its thresholds."""
        found = self._found
        if found.dose.session is None:
            return ""
        try:
            same = session_at(found.prescription, _counted(found), found.today) == self.content
        except OutsidePrescription:
            return ""
        return found.prescription.digest() if same else ""

    def checks(self) -> tuple[CheckResult, ...]:
        """Return what was answered before the session."""
        return self._found.checks

    def again(self) -> tuple[CheckResult, ...]:
        """Return what can have changed since; reads all of it only if somebody wrote something."""
        return self._still.again()

    def opening(self) -> Sequence[AddRecord]:
        """Return the start order, which goes on record before the session's row."""
        return () if self._order.start_order is None else (self._order.start_order,)

    def closed(self) -> None:
        """Let the console sign the chain's head after the session's last write."""
        seal_end(self._station, "a session's end")

    def now(self) -> datetime:
        """Return the wall time in the policy's time zone."""
        zone: tzinfo = UTC if self._found.policy is None else self._found.policy.zone
        return datetime.now(zone)

    def _look(self) -> tuple[CheckResult, ...]:
        uid, patient = self._found.prescription.uid, self._found.prescription.patient_uid
        with self._station.trusting() as trusted:
            now = self._station.wall()
            policy = policy_in_force(trusted, now)
            if policy is not None:  # a stricter one counts at once, a laxer one from the next on
                most = most_pulses_a_day(
                    policy.policy, self._found.prescription, self._found.day.finding_pulses
                )
                self.pulses_allowed = min(self.pulses_allowed, most)
            return (
                *check_again(
                    standing(trusted, uid, now),
                    holds_in_words(trusted, patient),
                    restore_in_words(trusted),
                ),
                same_policy(policy is not None),
                same_person(trusted, self._found.order, now),
            )


def _counted(found: Examined) -> list[ThresholdReference]:
    """Return what each block's dose follows from: the signed threshold where the value is equal."""
    signed = [basis.threshold for basis in found.prescription.doses]
    return [
        named if now.value_pct_mso == named.value_pct_mso else now
        for named, now in zip(signed, found.dose.thresholds, strict=True)
    ]


def _pulses_today(day: DayFact, now: datetime) -> int:
    """Return the pulses of today that do not belong to the sessions that this one goes on from."""
    today = now.date()
    pulses = sum(
        one.pulses for one in day.given if one.started_at.astimezone(now.tzinfo).date() == today
    )
    return max(0, pulses - day.given_in_chain)
