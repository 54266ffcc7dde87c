"""Whose every session was, and which rows of the record are one session of a course.

It reads the audit chain's own words; what a patient had on a day is counted in `clinic.day`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import cast

from protocols.canonical import JsonValue, moment_of
from protocols.prescription import Prescription
from tms_console.accounts.errors import NotTrusted
from tms_console.accounts.trust import OldSession, Trusted
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.operations import PulseOutcome, SessionKind

GIVEN = frozenset(PulseOutcome) - {PulseOutcome.NOT_DELIVERED, PulseOutcome.REFUSED}
"""What counts as given wherever a dose is limited: all that is not known not to have been
(architecture.md, Delivering 6)."""

_AT_A_PATIENT = frozenset({SessionKind.TREATMENT, SessionKind.THRESHOLD})


@dataclass(frozen=True, slots=True)
class Row:
    """One session of a patient as the chain states it.

    Attributes:
        uid: The session.
        seq: Where it began in the chain.
        kind: What it was for.
        authority_uid: The version of the prescription, or the policy, that it rested on.
        prescription_uid: The prescription, the same in all its versions; None under a policy.
        started_at: Wall time, RFC 3339 in UTC.
        open: True while it has no closing entry.
        ended_at: Wall time at which it was seen to end; None if it is open or nobody saw.
        last_at: When it ended; where nobody saw, when it would have ended as planned, without
            pauses; of an open one, when it began.
        pulses: Pulses that were given or may have been; 0 while it is open.
    """

    uid: str
    seq: int
    kind: SessionKind
    authority_uid: str
    prescription_uid: str | None
    started_at: str
    open: bool
    ended_at: str | None
    last_at: str
    pulses: int


@dataclass(frozen=True, slots=True)
class Sitting:
    """A session of the course: one row of the record, with those that resume it.

    Attributes:
        rows: The rows, in order; each resumes the one before.
    """

    rows: tuple[Row, ...]

    @property
    def pulses(self) -> int:
        """Pulses that were given or may have been, of the rows that are not open."""
        return sum(row.pulses for row in self.rows)

    @property
    def open(self) -> bool:
        """True while a row of it has no end on record."""
        return any(row.open for row in self.rows)

    @property
    def counts(self) -> bool:
        """True if something was given or may have been; one without a pulse is no treatment."""
        return self.open or self.pulses > 0

    @property
    def treatment(self) -> bool:
        """True if it was treatment, False if it was threshold finding."""
        return self.rows[0].kind is SessionKind.TREATMENT

    @property
    def seq(self) -> int:
        """Where its last row began in the chain."""
        return self.rows[-1].seq

    @property
    def started_at(self) -> str:
        """When its first row began."""
        return self.rows[0].started_at

    @property
    def last_at(self) -> str:
        """When its last row ended, as `Row.last_at` says."""
        return self.rows[-1].last_at

    @property
    def authority_uid(self) -> str:
        """What its last row rested on."""
        return self.rows[-1].authority_uid


class Bindings:
    """Whose every session was: looked up once for all of them."""

    def __init__(self, trusted: Trusted) -> None:
        self._start()
        self.keep_up(trusted)

    def _start(self) -> None:
        self._prescriptions: dict[str, StoredRecord] = {}
        self._lines: dict[str, tuple[str, str]] = {}
        self._ordered: dict[str, str] = {}
        self._orders = 0
        self._whose: dict[str, str | None] = {}
        self._of: dict[str, list[str]] = {}

    def keep_up(self, trusted: Trusted) -> None:
        """Take in the prescriptions and orders that came since."""
        prescriptions = trusted.records(RecordKind.PRESCRIPTION)
        for record in prescriptions[len(self._prescriptions) :]:
            self._prescriptions[record.uid] = record
            self._lines[record.uid] = (
                str(record.member("prescription_uid")),
                str(record.member("patient_uid")),
            )
        orders = trusted.records(RecordKind.START_ORDER)
        for record in orders[self._orders :]:
            values = record.values
            session_uid = str(values.get("session_uid"))
            if session_uid in self._whose:  # one more order for a session: look at all anew
                self._whose, self._of = {}, {}
            self._ordered[session_uid] = str(values.get("patient_uid"))
        self._orders = len(orders)

    def sessions_of(self, trusted: Trusted, patient_uid: str) -> tuple[str, ...]:
        """Return the uid of every session of a patient that was not simulated, in order.

        Raises:
            NotTrusted: Of one session, of whomever, it cannot be told whose it was.
        """
        for session in islice(trusted.sessions.values(), len(self._whose), None):
            simulated = bool(session.begun.get("simulated")) and not trusted.demonstration
            whose = None if simulated else self.patient_uid(session)
            self._whose[session.uid] = whose
            if whose is not None:
                self._of.setdefault(whose, []).append(session.uid)
        return tuple(self._of.get(patient_uid, ()))

    def planned(self, session: OldSession) -> timedelta:
        """Return how long a session lasts as prescribed, without pauses; 0 under a policy."""
        prescription = self._prescriptions.get(str(session.begun.get("authority_uid")))
        if prescription is None:
            return timedelta(0)
        signed = Prescription.from_canonical(cast("JsonValue", prescription.values))
        planned_ns = signed.session.schedule().duration_ns
        return timedelta(microseconds=-(-planned_ns // 1_000))

    def prescription_uid(self, session: OldSession) -> str | None:
        """Return the prescription that a session rested on, None if it was a policy."""
        line = self._lines.get(str(session.begun.get("authority_uid")))
        return None if line is None else line[0]

    def patient_uid(self, session: OldSession) -> str | None:
        """Return whose session it was: that of its prescription and of its start order.

        Returns:
            The patient's uid; None for a session that no patient had: a test, a rehearsal.

        Raises:
            NotTrusted: A patient had it, and which one cannot be told: nothing can be counted.
        """
        if _kind(session) not in _AT_A_PATIENT:
            return None
        line = self._lines.get(str(session.begun.get("authority_uid")))
        ordered = self._ordered.get(session.uid)
        named = {one for one in (ordered, None if line is None else line[1]) if one is not None}
        if len(named) != 1:
            how = "different ones" if named else "none"
            raise NotTrusted(
                "binding",
                f"Session {session.uid} cannot be told to be of one patient: its prescription and "
                f"its start order name {how}.",
            )
        return named.pop()


def bindings_of(trusted: Trusted) -> Bindings:
    """Return whose every session was, looked up only for those that came since the last time."""
    bindings = trusted.carried(Bindings, lambda: Bindings(trusted))
    bindings.keep_up(trusted)
    return bindings


def sittings(trusted: Trusted, patient_uid: str) -> tuple[Sitting, ...]:
    """Return every session of a patient that was not simulated, that which went on last at the end.

    Simulated ones gave nothing to anybody; in a demonstration, where nobody is real, they count as
    the real ones do elsewhere.

    Raises:
        NotTrusted: Of one session it cannot be told whose it was.
    """
    bindings = bindings_of(trusted)
    theirs = bindings.sessions_of(trusted, patient_uid)
    return trusted.of_patient(patient_uid, "sittings", lambda: _sittings(trusted, bindings, theirs))


def _sittings(
    trusted: Trusted, bindings: Bindings, session_uids: tuple[str, ...]
) -> tuple[Sitting, ...]:
    found: dict[str, list[Row]] = {}
    heads: dict[str, str] = {}
    for uid in session_uids:
        session = trusted.sessions[uid]
        resumes = str(session.begun.get("resumes_uid"))
        head = heads.get(resumes, session.uid)
        heads[session.uid] = head
        found.setdefault(head, []).append(_row(bindings, session))
    every = (Sitting(tuple(rows)) for rows in found.values())
    return tuple(sorted(every, key=lambda one: one.seq))


def _kind(session: OldSession) -> SessionKind:
    return SessionKind(str(session.begun.get("kind")))


def _row(bindings: Bindings, session: OldSession) -> Row:
    begun, ended = session.begun, session.ended
    seen = None if ended is None else ended.get("ended_at")
    started_at = str(begun.get("started_at"))
    last_at = started_at
    if seen is not None:
        last_at = str(seen)
    elif ended is not None:
        planned = moment_of(started_at) + bindings.planned(session)
        last_at = planned.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Row(
        uid=session.uid,
        seq=session.seq,
        kind=_kind(session),
        authority_uid=str(begun.get("authority_uid")),
        prescription_uid=bindings.prescription_uid(session),
        started_at=started_at,
        open=ended is None,
        ended_at=None if seen is None else str(seen),
        last_at=last_at,
        pulses=0 if ended is None else _given(ended.get("outcomes")),
    )


def _given(outcomes: Json) -> int:
    counts = outcomes if isinstance(outcomes, dict) else {}
    return sum(int(counts.get(outcome.value, 0)) for outcome in GIVEN)
