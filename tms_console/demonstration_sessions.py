"""One session of a demonstration's past as operations of the record, as delivery would write them.

Nothing was ever delivered: the proof that the stimulator is simulated says so in every session.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from protocols.prescription import SessionContent
from protocols.schedule import ScheduledTrain, SessionSchedule
from tms_console import __version__
from tms_console.accounts.start_orders import Ordered
from tms_console.records.operations import (
    BeginPulse,
    BeginSession,
    BeginTrain,
    EndSession,
    EndTrain,
    EventKind,
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    SessionEvent,
    SessionKind,
    SessionState,
    TrainCommanded,
    TrainOutcome,
)
from tms_console.records.values import new_uid

MODEL, SERIAL, COIL = "MagPro X100", "1234", "C-B60"
"""What the emulated stimulator of the window is, too."""
PROOF = "made up for a demonstration: no stimulator was there"
WAY_NS = 6_385_000
"""From command to report, as the emulated MagPro shows it (8 bytes at 38400 baud, and its own)."""
HOST_TIMED_SLOWEST_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that happened in a session.

    Attributes:
        train: In which train, from 1.
        kind: What it is about.
        detail: It in words.
    """

    train: int
    kind: EventKind
    detail: str


@dataclass(frozen=True, slots=True)
class PastSession:
    """A session as it was.

    Attributes:
        ordered: The technician's order.
        content: What was delivered.
        started: When it began, in UTC.
        technician_uid: Who gave it.
        remarks: What happened in it.
        ends_in_train: The train in which it ended early, None if it was completed.
        state: How it ended.
        reason: Why it ended.
        resumes_uid: The session that it goes on from.
        first_train: Its first train; more than 1 in a session that goes on from another.
    """

    ordered: Ordered
    content: SessionContent
    started: datetime
    technician_uid: str
    remarks: tuple[Remark, ...] = ()
    ends_in_train: int | None = None
    state: SessionState = SessionState.COMPLETED
    reason: str = "complete"
    resumes_uid: str | None = None
    first_train: int = 1

    @property
    def trains(self) -> tuple[ScheduledTrain, ...]:
        """The trains that were begun."""
        return _schedule(self.content).trains[self.first_train - 1 : self.ends_in_train]

    @property
    def origin_ns(self) -> int:
        """The due time in the schedule at which it began."""
        return self.trains[0].start_ns

    @property
    def ended(self) -> datetime:
        """When it ended."""
        lasted_ns = self.trains[-1].end_ns - self.origin_ns
        return self.started + timedelta(microseconds=lasted_ns // 1_000 + 900_000)


@lru_cache(maxsize=64)
def _schedule(content: SessionContent) -> SessionSchedule:
    """Return the schedule of a content, computed once: a course gives it many times."""
    return content.schedule()


def wall_text(moment: datetime) -> str:
    """Return a wall time as the record has it."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def session_operations(past: PastSession, chance: random.Random) -> Iterator[Operation]:
    """Yield everything that the session puts on record, after its start order."""
    uid = past.ordered.session_uid
    yield _begin(past)
    yield _event(past, 0, EventKind.STATE, f"armed {MODEL} {SERIAL}, made up")
    number = 0
    for place, train in enumerate(past.trains, 1):
        last = train.number == past.ends_in_train
        yield from _train(past, train, place, number, chance, cut=last)
        number += train.pulses
        for remark in past.remarks:
            if remark.train == train.number:
                at_ns = train.end_ns - past.origin_ns + 150_000_000
                yield _event(past, at_ns, remark.kind, remark.detail)
    if past.state is SessionState.INTERRUPTED:
        return  # nobody saw its end; the next start reconciles it
    yield EndSession(
        session_uid=uid,
        state=past.state,
        end_reason=past.reason,
        ended_at=wall_text(past.ended),
    )


def _begin(past: PastSession) -> BeginSession:
    ordered, at = past.ordered, wall_text(past.started)
    return BeginSession(
        uid=ordered.session_uid,
        kind=SessionKind.TREATMENT,
        authority_uid=ordered.authority_uid,
        authority_digest=ordered.authority_digest,
        resumes_uid=past.resumes_uid,
        threshold_uid=ordered.threshold_uids[0],
        technician_uid=past.technician_uid,
        device_model=MODEL,
        device_serial=SERIAL,
        device_firmware="",
        simulated_proof=PROOF,
        coil=COIL,
        software_version=__version__,
        realtime_priority="made up for a demonstration",
        started_at=at,
        origin_wall=at,
        actor=past.technician_uid,
    )


def _event(past: PastSession, at_ns: int, kind: EventKind, detail: str) -> SessionEvent:
    return SessionEvent(
        uid=new_uid(),
        session_uid=past.ordered.session_uid,
        at_ns=at_ns,
        kind=kind,
        detail=detail,
        actor=past.technician_uid if kind is EventKind.NOTE else "console",
    )


def _train(  # noqa: PLR0913 - the train, where it stands in the session, and how it ends
    past: PastSession,
    train: ScheduledTrain,
    place: int,
    before: int,
    chance: random.Random,
    *,
    cut: bool,
) -> Iterator[Operation]:
    """Yield one train; a cut one ends in the middle, and of an interrupted one nobody saw the end.

    Args:
        past: The session.
        train: The train.
        place: Its number in this row of the record, from 1.
        before: Pulses of this row before it.
        chance: Where lateness and coil current come from.
        cut: The session ended in it.
    """
    uid = past.ordered.session_uid
    planned: list[int] = (train.due_ns - past.origin_ns).tolist()
    intensity = past.content.blocks[train.block - 1].intensity_of_train(train.number_in_block)
    host_timed = len(planned) > 1 and planned[1] - planned[0] >= HOST_TIMED_SLOWEST_NS
    given = max(1, len(planned) // 2) if cut else len(planned)
    yield BeginTrain(
        session_uid=uid,
        block=train.block,
        number=place,
        intensity_pct_mso=intensity,
        planned_start_ns=planned[0],
        first_pulse=before + 1,
        planned_ns=() if host_timed else tuple(planned),
    )
    commanded_ns = planned[0] + round(abs(chance.gauss(25_000, 12_000)))
    if host_timed:
        planned = planned[:given]
        for number, due_ns in enumerate(planned, before + 1):
            yield BeginPulse(
                session_uid=uid,
                train_number=place,
                number=number,
                intensity_pct_mso=intensity,
                planned_ns=due_ns,
            )
    else:
        yield TrainCommanded(session_uid=uid, train_number=place, commanded_ns=commanded_ns)
    results, last_ns = [], commanded_ns
    for index, due_ns in enumerate(planned):
        sent_ns = due_ns + round(abs(chance.gauss(25_000, 12_000))) if host_timed else None
        if index < given:
            shift_ns = (due_ns if sent_ns is None else sent_ns) - planned[0]
            start_ns = commanded_ns if sent_ns is None else planned[0]
            last_ns = start_ns + shift_ns + WAY_NS + round(chance.gauss(0, 18_000))
        results.append(
            _result(before + 1 + index, sent_ns, last_ns, intensity, given=index < given)
        )
    if cut and past.state is SessionState.INTERRUPTED:
        yield PulsesFinal(session_uid=uid, results=tuple(results[:given]))
        return
    yield PulsesFinal(session_uid=uid, results=tuple(results))
    yield EndTrain(
        session_uid=uid,
        train_number=place,
        started_ns=commanded_ns + WAY_NS // 2,
        ended_ns=last_ns,
        outcome=TrainOutcome.STOPPED if cut else TrainOutcome.COMPLETED,
    )


def _result(
    number: int,
    commanded_ns: int | None,
    observed_ns: int,
    intensity: int,
    *,
    given: bool,
) -> PulseResult:
    if given:
        return PulseResult(
            number=number,
            outcome=PulseOutcome.DELIVERED,
            evidence=Evidence.REPORTED,
            commanded_ns=commanded_ns,
            observed_ns=observed_ns,
            realised_a_us=round(intensity * 1.5),
        )
    return PulseResult(
        number=number,
        outcome=PulseOutcome.NOT_DELIVERED,
        evidence=Evidence.NONE,
        commanded_ns=commanded_ns,
    )
