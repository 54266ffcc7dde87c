"""Whole sessions on an emulated MagPro, with everything that passed on the wire and to the disk.

Nothing is stubbed: gate, engine, driver, wire protocol, emulator and record are the real ones; only
the link tells what it carried, and the clock is the virtual one.  What is expected is in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from pydantic import JsonValue

from drivers import registry
from drivers.interface import Clock
from drivers.link import WriteTimes
from drivers.magpro.emulator import BYTE_NS, MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.unit import START_LATENCY_NS, TRIGGER_LATENCY_NS
from drivers.simulator.device import FiredPulse
from drivers.simulator.faults import Fault
from drivers.simulator.memory_link import MemoryLink
from drivers.simulator.pulse_log import PulseLog
from protocols.pattern import BlockPattern, Burst, Convention, Interval, Ramp, Train
from protocols.prescription import FixedBlock, SessionContent
from protocols.terms import Side, ThresholdKind
from tms_console.clock import VirtualClock
from tms_console.delivery import place
from tms_console.delivery.controls import Controls, NotTaken, Order
from tms_console.delivery.order import Challenge, EmulatorOrder, SessionOrder
from tms_console.delivery.session import run_session
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.records.database import reading
from tms_console.records.operations import BeginPulse, BeginTrain, Operation, new_uid
from tms_console.records.transactions import CommitHooks
from tms_console.records.verify import verify
from tms_console.records.writer import DEFAULTS, WriterOptions

MS = 1_000_000
S = 1_000_000_000
REPORT_FRAME_NS = 8 * BYTE_NS
"""FE 04 02 A B info crc FF on the line."""
NEAR_NS = 3 * MS
"""A pulse so close to its due time is that pulse: an extra one comes 7 ms after another."""

THETA = Burst(3, Fraction(50))


def content(
    train: Train,
    trains: int = 1,
    *,
    gap_s: Fraction | int = 3,
    ramp: Ramp | None = None,
    bounds: tuple[int, int] = (30, 70),
    longest_pause_s: int = 60,
    blocks: int = 1,
) -> SessionContent:
    """Return something short to deliver at 60 %MSO."""
    pattern = BlockPattern(
        train,
        trains,
        Interval(Fraction(gap_s), Convention.GAP) if trains > 1 else None,
        ramp,
    )
    made = [
        FixedBlock(
            label=f"block {number}",
            target="left dorsolateral prefrontal cortex",
            side=Side.LEFT,
            coil="figure-8",
            threshold_kind=ThresholdKind.RESTING_HAND,
            threshold_pct_mso=50,
            pct_mt=Fraction(120),
            intensity_pct_mso=60,
            lowest_pct_mso=bounds[0],
            highest_pct_mso=bounds[1],
            pattern=pattern,
            changeover_s=Fraction(0 if number == 1 else 10),
        )
        for number in range(1, blocks + 1)
    ]
    return SessionContent("short", "Short", tuple(made), longest_pause_s=longest_pause_s)


def bursts(trains: int = 3, each: int = 4) -> SessionContent:
    """Theta burst: trains of a few bursts of three pulses, timed by the device."""
    return content(Train(each, Fraction(5), THETA), trains)


def plain(trains: int = 2, each: int = 6) -> SessionContent:
    """Trains at 10 Hz, timed by the device."""
    return content(Train(each, Fraction(10)), trains)


def slow(pulses: int = 8) -> SessionContent:
    """One train at 1 Hz, timed by the host pulse by pulse."""
    return content(Train(pulses, Fraction(1)))


# What passed ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wrote:
    """The console put a frame on the wire."""

    at_ns: int
    body: bytes

    @property
    def line_ns(self) -> int:
        """How long it is under way: FE, length, body, checksum and FF at 38400 baud."""
        return (len(self.body) + 4) * BYTE_NS

    @property
    def pulse_ns(self) -> int:
        """When the first pulse it sets off is due."""
        latency_ns = START_LATENCY_NS if self.body[0] == 4 else TRIGGER_LATENCY_NS
        return self.at_ns + self.line_ns + latency_ns

    @property
    def stimulates(self) -> bool:
        """A single trigger or the start of a train (stimulators.md 2.2)."""
        return self.body[0] in {3, 4}

    @property
    def arms(self) -> bool:
        return self.body[:2] == b"\x02\x01"

    @property
    def disarms(self) -> bool:
        return self.body[:2] == b"\x02\x00"


@dataclass(frozen=True, slots=True)
class Committed:
    """COMMIT returned for these."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody outside gave an order."""

    at_ns: int


Passed: TypeAlias = Wrote | Committed | Pressed


@dataclass(frozen=True, slots=True)
class PulseOnRecord:
    """One row of `pulse`, with its train's number."""

    number: int
    train: int | None
    intensity_pct_mso: int | None
    planned_ns: int | None
    commanded_ns: int | None
    observed_ns: int | None
    realised_a_us: int | None
    outcome: str
    evidence: str


def rows(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Read as QA would, with the key if there is one."""
    with reading(database) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query, values)]


_PULSES = """SELECT pulse.number, train.number, pulse.intensity_pct_mso, planned_ns, commanded_ns,
    observed_ns, realised_a_us, pulse.outcome, evidence
    FROM pulse LEFT JOIN train ON train.id = pulse.train_id
    WHERE pulse.session_id = (SELECT id FROM session WHERE uid = ?) ORDER BY pulse.number"""


def pulses_on_record(database: Path, uid: str) -> list[PulseOnRecord]:
    """Return the pulses of a session in order."""
    return [PulseOnRecord(*row) for row in rows(database, _PULSES, uid)]


# Running one ---------------------------------------------------------------------------------


def _ignore(_snapshot: Snapshot) -> None:
    """Nobody looks."""


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """One session to be run, and afterwards everything that passed in it.

    Attributes:
        content: What to deliver.
        database: Where it is recorded.
        faults: What goes wrong at the emulator.
        options: How the emulator is built.
        controls: Where orders arrive.
        publish: Sees every snapshot.
        writer_options: For the record.
        slice_ns: The link returns after so long at the latest, as in real time; 0 for never.
        touched: Called before every use of the link with `write` or `read`.
        order: Changes the order before it is given.
        pulse_log: Where the emulator logs what it fires.
        challenge: What a start order must answer, for a treatment.
    """

    content: SessionContent
    database: Path
    faults: Sequence[str] = ()
    options: Options = field(default_factory=Options)
    controls: Controls = field(default_factory=Controls)
    publish: Callable[[Snapshot], None] = _ignore
    writer_options: WriterOptions = DEFAULTS
    slice_ns: int = 0
    touched: Callable[[str], None] = lambda _: None
    order: Callable[[SessionOrder], SessionOrder] = lambda order: order
    pulse_log: PulseLog | None = None
    challenge: Challenge | None = None
    passed: list[Passed] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    not_taken: list[NotTaken] = field(default_factory=list)
    _clock: Clock = field(default_factory=VirtualClock)
    _emulator: MagProEmulator | None = None
    _result: SessionResult | None = None
    _origin_ns: int | None = None

    def run(self) -> Rehearsal:
        """Run it to its end."""
        order = self.order(
            SessionOrder(
                kind="rehearsal",
                content=cast("JsonValue", self.content.canonical()),
                digest=self.content.digest(),
                authority_uid=new_uid(),
                database=str(self.database),
                device=EmulatorOrder(name="magpro", virtual=True, faults=tuple(self.faults)),
                actor="rehearsal",
            )
        )
        hooks = self.writer_options.hooks
        told = CommitHooks(hooks.before_commit, self._committed(hooks.after_commit))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "build_emulator", self._build)
            patch.setattr(place, "MemoryLink", self._join)
            around = Surroundings(
                self.controls,
                self._show,
                "0.1.0",
                challenge=self.challenge,
                not_taken=self.not_taken.append,
                writer_options=replace(self.writer_options, hooks=told),
            )
            self._result = run_session(order, around)
        return self

    def _build(
        self, name: str, *, seed: int = 0, faults: Sequence[Fault] = (), pulse_log: None = None
    ) -> MagProEmulator:
        assert pulse_log is None
        assert name == "magpro"
        assert seed == 0
        self._emulator = MagProEmulator(self.options, faults, self.pulse_log)
        return self._emulator

    def _join(self, device: MagProEmulator, clock: Clock) -> MemoryLink:
        self._clock = clock
        return TracedLink(device, clock, self)

    def _committed(
        self, after: Callable[[Sequence[Operation]], None]
    ) -> Callable[[Sequence[Operation]], None]:
        def tell(operations: Sequence[Operation]) -> None:
            after(operations)
            self.passed.append(Committed(tuple(operations)))

        return tell

    def _show(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        self.publish(snapshot)

    def pressed(self) -> None:
        """Note that somebody gives an order at this moment."""
        self.passed.append(Pressed(self._clock.now_ns()))

    def be_away(self, from_now_ns: int) -> None:
        """Let time pass in which the session's thread does nothing: a busy computer."""
        self._clock.wait_until(self.now_ns + from_now_ns)

    # Afterwards

    @property
    def now_ns(self) -> int:
        return self._clock.now_ns()

    @property
    def emulator(self) -> MagProEmulator:
        assert self._emulator is not None
        return self._emulator

    @property
    def was_opened(self) -> bool:
        """True if there ever was a stimulator."""
        return self._emulator is not None

    @property
    def result(self) -> SessionResult:
        assert self._result is not None
        return self._result

    @property
    def state(self) -> str:
        return "none" if self.result.state is None else self.result.state.value

    @property
    def wrote(self) -> list[Wrote]:
        return [one for one in self.passed if isinstance(one, Wrote)]

    @property
    def commands(self) -> list[Wrote]:
        """Every stimulating command that went on the wire."""
        return [one for one in self.wrote if one.stimulates]

    @property
    def pulses(self) -> list[PulseOnRecord]:
        return pulses_on_record(self.database, self.result.session_uid)

    @property
    def outcomes(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for pulse in self.pulses:
            found[pulse.outcome] = found.get(pulse.outcome, 0) + 1
        return found

    @property
    def origin_ns(self) -> int:
        """The session's origin on the clock: the first frame is in the record and in the trace."""
        if self._origin_ns is not None:
            return self._origin_ns
        query = """SELECT min(at_ns) FROM device_frame WHERE direction = 'sent'
            AND session_id = (SELECT id FROM session WHERE uid = ?)"""
        first = rows(self.database, query, self.result.session_uid)[0][0]
        self._origin_ns = self.wrote[0].at_ns - int(first)
        return self._origin_ns

    def events(self, kind: str) -> list[str]:
        query = """SELECT detail FROM session_event WHERE kind = ?
            AND session_id = (SELECT id FROM session WHERE uid = ?) ORDER BY id"""
        return [row[0] for row in rows(self.database, query, kind, self.result.session_uid)]


class TracedLink(MemoryLink):
    """Carries the bytes, and tells what it carried and when."""

    def __init__(self, device: MagProEmulator, clock: Clock, rehearsal: Rehearsal) -> None:
        super().__init__(device, clock)
        self._own_clock = clock
        self._rehearsal = rehearsal

    def write(self, data: bytes) -> WriteTimes:
        self._rehearsal.touched("write")
        times = super().write(data)
        self._rehearsal.passed.append(Wrote(times.before_ns, data[2:-2]))
        return times

    def read(self, until_ns: int) -> bytes:
        self._rehearsal.touched("read")
        if self._rehearsal.slice_ns:
            until_ns = min(until_ns, self._own_clock.now_ns() + self._rehearsal.slice_ns)
        return super().read(until_ns)


class WatchedControls(Controls):
    """Does something just before the session looks for orders for the n-th time.

    What comes between two looks is noticed at the second, so these are all the moments there are.
    """

    def __init__(self, look: int, press: Callable[[Controls], None] = lambda _: None) -> None:
        super().__init__()
        self.looks = 0
        self._look = look
        self._press = press

    def _looked(self) -> None:
        self.looks += 1
        if self.looks == self._look:
            self._press(self)

    @property
    def halted(self) -> bool:
        self._looked()
        return super().halted

    def stop_requested(self) -> bool:
        self._looked()
        return super().stop_requested()

    def take(self) -> list[Order]:
        self._looked()
        return super().take()


# What must be true of every session ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Truth:
    """The emulator's own log, laid beside the record."""

    fired: dict[int, FiredPulse]
    """Pulses that were commanded and fired, by their number on record."""
    extras: list[FiredPulse]
    """Pulses that nobody commanded."""


def truth_of(done: Rehearsal) -> Truth:
    """Give each fired pulse to the row whose command and due time it fits; reports do not count."""
    origin_ns, pulses = done.origin_ns, done.pulses
    left = list(done.emulator.fired)
    fired: dict[int, FiredPulse] = {}
    for command in done.commands:
        of_command = [one for one in pulses if one.commanded_ns == command.at_ns - origin_ns]
        for row in of_command:
            assert row.planned_ns is not None
            assert of_command[0].planned_ns is not None
            offset_ns = row.planned_ns - of_command[0].planned_ns
            due_ns = command.pulse_ns + offset_ns
            for pulse in left:
                if abs(pulse.at_ns - due_ns) <= NEAR_NS:
                    fired[row.number] = pulse
                    left.remove(pulse)
                    break
    return Truth(fired, left)


def require_honest(done: Rehearsal, *, check: bool = True) -> Truth:
    """Fail unless the record says of every pulse what is true or that it is not known.

    Args:
        done: A session that has ended.
        check: Also check the whole database with `records verify`.
    """
    pulses, truth = done.pulses, truth_of(done)
    by_number = {one.number: one for one in pulses}
    for number in truth.fired:
        assert by_number[number].outcome in {"delivered", "unknown"}, f"pulse {number} is lost"
    for one in pulses:
        assert one.outcome != "commanded", f"pulse {one.number} was left open"
        if one.outcome == "delivered":
            assert one.number in truth.fired, f"pulse {one.number} is invented"
            if one.evidence == "reported":
                assert one.realised_a_us == truth.fired[one.number].a_us
    reachable = not (done.emulator.hung or done.emulator.unplugged)
    unplanned = [one for one in pulses if one.outcome == "unplanned"]
    assert len(unplanned) <= len(truth.extras), "an unplanned pulse is invented"
    if reachable:
        assert len(unplanned) == len(truth.extras), "a pulse that nobody commanded is lost"
        assert not done.emulator.state().status.info.enabled, "left armed"
        assert not done.emulator.state().running, "left running"
    require_commanded_once(done, pulses)
    if check:
        require_sound(done.database)
    return truth


def require_commanded_once(done: Rehearsal, pulses: Sequence[PulseOnRecord]) -> None:
    """Every stimulating command on the wire is on record, each with pulses of its own."""
    on_wire = [one.at_ns - done.origin_ns for one in done.commands]
    on_record = sorted({one.commanded_ns for one in pulses if one.commanded_ns is not None})
    assert on_wire == on_record
    for command in done.commands:
        mine = [one for one in pulses if one.commanded_ns == command.at_ns - done.origin_ns]
        assert len({one.train for one in mine}) == 1
        if command.body[0] == 3:
            assert len(mine) == 1, "one trigger is one pulse"


def require_sound(database: Path) -> None:
    """Fail unless `records verify` finds nothing and every session is closed."""
    verification = verify(database)
    assert verification.findings == ()
    assert verification.running == ()


def require_rows_before_commands(passed: Sequence[Passed], commands: int) -> None:
    """Fail unless every arm and every command has a row of its own on disk, and each row one."""
    on_disk = given = 0
    for one in passed:
        if isinstance(one, Committed):
            on_disk += sum(
                isinstance(each, BeginPulse)
                or (isinstance(each, BeginTrain) and bool(each.planned_ns))
                for each in one.operations
            )
        elif isinstance(one, Wrote) and one.arms:
            assert on_disk == given + 1, "armed without a row of its own on disk"
        elif isinstance(one, Wrote) and one.stimulates:
            assert on_disk == given + 1, "commanded without a row of its own on disk"
            given += 1
    assert given == commands == on_disk
