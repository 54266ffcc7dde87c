"""What a search for a threshold rests on, read from the signed record: policy, order, patient.

It is asked before the series and again before every stimulus, like a treatment's authority.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from fractions import Fraction

from protocols.canonical import moment_of
from protocols.course_rules import GivenSession
from protocols.finding_bounds import Stimulus
from protocols.finding_content import Aim, FindingContent, finding_content
from protocols.form_evaluation import EARS, IDENTITY, SCREENING
from protocols.policy import Policy
from tms_console.accounts.clock_corrections import clock_floor
from tms_console.accounts.roles import Role
from tms_console.accounts.start_orders import StartOrder
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic import day as days
from tms_console.clinic.patients import require_current
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.thresholds import thresholds_of
from tms_console.delivery.authority import OnRecord
from tms_console.delivery.finding_gate import FindingFacts, check_finding, check_stimulus
from tms_console.delivery.gate import CheckResult, CoilStated
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
from tms_console.delivery.treatment import believed
from tms_console.delivery.treatment_facts import (
    form_fact,
    holds_in_words,
    identity_changed,
    read_order,
    require_as_closed,
    require_identity_since,
    restore_in_words,
)
from tms_console.delivery.treatment_gate import hold_check, restore_check, screening_check
from tms_console.records.clinical import CONSOLE_ACTOR, AddRecord, RecordKind
from tms_console.records.database import Database
from tms_console.records.heads import ChainHead
from tms_console.records.operations import SessionKind
from tms_console.records.registry import RegistryRow


@dataclass(frozen=True, slots=True)
class FindingExamined:
    """What was found before a series.

    Attributes:
        facts: What the gate was told.
        checks: What it says.
        policy: The policy in force.
        aim: Which threshold is looked for.
        clock_floor: The newest wall time of the record that counts.
        head: Where the chain ended.
    """

    facts: FindingFacts
    checks: tuple[CheckResult, ...]
    policy: Policy
    aim: Aim
    clock_floor: str
    head: ChainHead


def examine_finding(
    order: SessionOrder, database: Database, challenge: Challenge | None
) -> FindingAuthority:
    """Return the authority of a search for a threshold, with what the gate has to say about it.

    Raises:
        NotBelieved: The record cannot be believed.
        CannotBegin: There is no policy, no such patient, or no order to read.
        DatabaseUnusable: The database is for something else.
    """
    with believed(database) as station, station.trusting() as trusted:
        wall = station.wall()
        start, fault = read_order(trusted, order.start_order, wall)
        if start is None or start.ordered.aim is None:
            raise CannotBegin(fault or "The start order is none of a search for a threshold.")
        patient_uid = start.ordered.patient_uid
        require_current(trusted, patient_uid)
        require_identity_since(trusted, patient_uid, identity_changed(trusted, patient_uid))
        held = policy_in_force(trusted, wall)
        if held is None:
            raise CannotBegin(
                "There is no signed policy of the clinic: without one no stimulus is given. A "
                "physician signs the policy."
            )
        facts = finding_facts(trusted, wall, held.policy, patient_uid)
        facts = replace(
            facts,
            order=start,
            challenge=challenge,
            authority_uid=order.authority_uid,
            digest=order.digest,
        )
        require_as_closed(trusted, database, patient_uid, facts.now, None)
        found = FindingExamined(
            facts,
            check_finding(facts),
            held.policy,
            start.ordered.aim,
            clock_floor(trusted, database),
            trusted.head,
        )
    return FindingAuthority(station, order, found)


def finding_facts(trusted: Trusted, wall: str, policy: Policy, patient_uid: str) -> FindingFacts:
    """Return everything that the record says of a patient whose threshold is to be found.

    The order is not in it; who prepares one puts in what would be signed.
    """
    now = moment_of(wall).astimezone(policy.zone)
    zone = policy.time_zone
    had = days.had(trusted, patient_uid, days.local_day(wall, zone), zone)
    day = DayFact(given=_sessions(trusted, patient_uid), finding_pulses=had.finding_pulses)
    last = day.last_ended_at
    since = None if last is None else Fraction(int((now - last).total_seconds() * 1000), 1000)
    return FindingFacts(
        now=now,
        restore=restore_in_words(trusted),
        order=None,
        order_fault="There is no start order.",
        challenge=None,
        authority_uid=policy.uid,
        digest=policy.digest(),
        policy=policy,
        patient_uid=patient_uid,
        first=not thresholds_of(trusted, patient_uid),
        screening=form_fact(trusted, patient_uid, SCREENING),
        identity=form_fact(trusted, patient_uid, IDENTITY),
        ears=form_fact(trusted, patient_uid, EARS),
        holds=holds_in_words(trusted, patient_uid),
        day=day,
        pulses_today=had.pulses,
        since_last_s=since,
    )


def _sessions(trusted: Trusted, patient_uid: str) -> tuple[GivenSession, ...]:
    """Return every session of a patient in which something was or may have been given."""
    return tuple(
        GivenSession(
            started_at=moment_of(one.started_at),
            ended_at=_over_by(trusted, one),
            pulses=one.pulses,
            of_course=False,
        )
        for one in days.sittings(trusted, patient_uid)
        if one.counts
    )


def _over_by(trusted: Trusted, sitting: days.Sitting) -> datetime:
    """Return by when a session was over; a search whose end nobody saw, when it was closed.

    Nobody plans how long a search lasts: its last stimulus may have come just before.
    """
    row = sitting.rows[-1]
    closed_at = trusted.sessions[row.uid].closed_at
    if row.kind is SessionKind.THRESHOLD and row.ended_at is None and closed_at:
        return moment_of(closed_at)
    return moment_of(row.last_at)


class FindingAuthority:
    """One series that was ordered; every answer of the gate about it.

    Attributes:
        content: What it gives at most.
        policies: What its stimuli are compared with: that of the start, and one that came since,
            so that what is stricter counts at once and what is laxer from the next series on.
    """

    def __init__(self, station: Station, order: SessionOrder, found: FindingExamined) -> None:
        self._station = station
        self._order = order
        self._found = found
        self._still = StillAllowed(station, found.head, self._look, _matters)
        self.policies: tuple[Policy, ...] = (found.policy,)
        self.content: FindingContent = finding_content(found.policy, found.aim)
        self.pulses_before = found.facts.pulses_today + found.facts.day.finding_pulses
        self.pulses_allowed = found.policy.most_pulses_a_day
        self.newest_at = found.clock_floor

    @property
    def _start(self) -> StartOrder | None:
        return self._found.facts.order

    @property
    def on_record(self) -> OnRecord:
        """What the session's row says."""
        start = self._start
        technician = None if start is None else start.technician.user_uid
        return OnRecord(
            SessionKind.THRESHOLD,
            self._order.authority_uid,
            self._order.digest,
            technician or CONSOLE_ACTOR,
            None,
            technician,
        )

    @property
    def coil_stated(self) -> CoilStated | None:
        """What the signed order says of the coil: the one that the threshold is looked for with."""
        start = self._start
        if start is None or start.ordered.aim is None:
            return None
        return CoilStated(start.ordered.aim.coil, start.technician.name)

    def digest_now(self) -> str:
        """Return the policy's digest, if what runs is what it allows."""
        found = self._found
        same = finding_content(found.policy, found.aim) == self.content
        return found.policy.digest() if same else ""

    def checks(self) -> tuple[CheckResult, ...]:
        """Return what was answered before the series."""
        return self._found.checks

    def again(self) -> tuple[CheckResult, ...]:
        """Return what can have changed since; reads all of it only if somebody wrote something."""
        return self._still.again()

    def before_stimulus(
        self, intensity_pct_mso: int, given: int, since_last_s: Fraction | None
    ) -> tuple[CheckResult, ...]:
        """Return what the policy says of one stimulus.

        Args:
            intensity_pct_mso: What it would be given at.
            given: Stimuli of the series so far, doubtful ones included.
            since_last_s: From the last one to when it would be given; None for the first, whose
                distance from the patient's session before was asked at the start.
        """
        facts, start = self._found.facts, self._start
        role = "" if start is None else start.technician.role.value
        since = facts.since_last_s if since_last_s is None else since_last_s
        stimulus = Stimulus(
            pulses=1,
            intensity_pct_mso=intensity_pct_mso,
            since_last_s=since,
            given=given,
            role=role,
            first_threshold=facts.first,
            physician_present=role == Role.PHYSICIAN,
        )
        return tuple(
            check for policy in self.policies for check in check_stimulus(policy, stimulus)
        )

    def opening(self) -> Sequence[AddRecord]:
        """Return the start order, which goes on record before the session's row."""
        return () if self._order.start_order is None else (self._order.start_order,)

    def closed(self) -> None:
        """Let the console sign the chain's head after the session's last write."""
        seal_end(self._station, "the end of a search for a threshold")

    def now(self) -> datetime:
        """Return the wall time in the policy's time zone."""
        zone: tzinfo = self._found.policy.zone or UTC
        return datetime.now(zone)

    def _look(self) -> tuple[CheckResult, ...]:
        facts = self._found.facts
        with self._station.trusting() as trusted:
            wall = self._station.wall()
            held = policy_in_force(trusted, wall)
            if held is not None:
                self.policies = tuple(dict.fromkeys((self._found.policy, held.policy)))
                self.pulses_allowed = min(self.pulses_allowed, held.policy.most_pulses_a_day)
                facts = finding_facts(trusted, wall, held.policy, facts.patient_uid)
            return (
                restore_check(facts),
                hold_check(facts.holds),
                screening_check(facts),
                same_policy(held is not None),
                same_person(trusted, self._start, wall),
            )


def _matters(row: RegistryRow) -> bool:
    """Return whether a row that somebody wrote can forbid the next stimulus: answers can."""
    return matters(row) or row.subject.partition(":")[0] == RecordKind.FORM_ANSWERS
