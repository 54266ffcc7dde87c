"""Whole sessions on an emulated Magstim under the virtual clock, laid beside what it really gave.

Nothing is stubbed; the link tells what it carried.  What is expected is in the tests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from pydantic import JsonValue

from drivers import registry
from drivers.interface import Clock
from drivers.link import WriteTimes
from drivers.magstim.emulator import MagstimEmulator
from drivers.magstim.options import VARIANTS, Options
from drivers.magstim.requests import ARM, DISARM, FIRE
from drivers.simulator.faults import Fault
from drivers.simulator.memory_link import MemoryLink
from protocols.prescription import SessionContent
from tests.delivery.sessions import PulseOnRecord, pulses_on_record, require_sound, rows
from tms_console.delivery import place
from tms_console.delivery.controls import Controls
from tms_console.delivery.order import Challenge, EmulatorOrder, SessionOrder
from tms_console.delivery.session import run_session
from tms_console.delivery.snapshot import Snapshot
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.records.operations import new_uid

MS = 1_000_000
NEAR_NS = 12 * MS
"""From a due time to its pulse: 4.5 to 6 ms for a Rapid², 10 ± 1.5 for a BiStim² (part 6)."""


@dataclass(slots=True, kw_only=True)
class MagstimRehearsal:
    """One session to be run, and afterwards what passed in it.

    Attributes:
        content: What to deliver.
        database: Where it is recorded.
        variant: Which emulated device.
        options: How it is built, None for as its name says.
        unit: The emulated device itself, None for a new one.
        faults: What goes wrong.
        controls: Where orders arrive.
        publish: Sees every snapshot.
        touched: Called before the link is written to or read, with the rehearsal itself.
        order: Changes the order before it is given.
        challenge: What a start order must answer, for a treatment.
        sent: Time and bytes of every frame that went on the wire.
    """

    content: SessionContent
    database: Path
    variant: str = "rapid2"
    options: Options | None = None
    unit: MagstimEmulator | None = None
    faults: Sequence[str] = ()
    controls: Controls = field(default_factory=Controls)
    publish: Callable[[Snapshot], None] = lambda _: None
    touched: Callable[[MagstimRehearsal, str], None] = lambda _it, _how: None
    order: Callable[[SessionOrder], SessionOrder] = lambda order: order
    challenge: Challenge | None = None
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    _clock: Clock | None = None
    _emulator: MagstimEmulator | None = None
    _result: SessionResult | None = None

    def run(self) -> MagstimRehearsal:
        order = self.order(
            SessionOrder(
                kind="rehearsal",
                content=cast("JsonValue", self.content.canonical()),
                digest=self.content.digest(),
                authority_uid=new_uid(),
                database=str(self.database),
                device=EmulatorOrder(name=self.variant, virtual=True, faults=tuple(self.faults)),
                actor="rehearsal",
            )
        )
        around = Surroundings(self.controls, self.publish, "0.1.0", challenge=self.challenge)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "build_emulator", self._build)
            patch.setattr(place, "MemoryLink", self._join)
            self._result = run_session(order, around)
        return self

    def _build(
        self, name: str, *, seed: int = 0, faults: Sequence[Fault] = (), pulse_log: None = None
    ) -> MagstimEmulator:
        assert (name, seed, pulse_log) == (self.variant, 0, None)
        self._emulator = self.unit or MagstimEmulator(self.options or VARIANTS[name], faults)
        return self._emulator

    def _join(self, device: MagstimEmulator, clock: Clock) -> MemoryLink:
        self._clock = clock
        return _TracedLink(device, clock, self)

    # Meanwhile and afterwards

    @property
    def clock(self) -> Clock:
        assert self._clock is not None
        return self._clock

    @property
    def emulator(self) -> MagstimEmulator:
        assert self._emulator is not None
        return self._emulator

    @property
    def result(self) -> SessionResult:
        assert self._result is not None
        return self._result

    @property
    def state(self) -> str:
        return "none" if self.result.state is None else self.result.state.value

    @property
    def pulses(self) -> list[PulseOnRecord]:
        return pulses_on_record(self.database, self.result.session_uid)

    @property
    def claims(self) -> set[tuple[str, str]]:
        """The outcomes and evidence that occur."""
        return {(one.outcome, one.evidence) for one in self.pulses}

    def count(self, outcome: str) -> int:
        return sum(one.outcome == outcome for one in self.pulses)

    def frames_sent(self, frame: bytes) -> list[int]:
        """When a frame went on the wire."""
        return [at_ns for at_ns, data in self.sent if data == frame]

    @property
    def origin_ns(self) -> int:
        query = """SELECT min(at_ns) FROM device_frame WHERE direction = 'sent'
            AND session_id = (SELECT id FROM session WHERE uid = ?)"""
        first = rows(self.database, query, self.result.session_uid)[0][0]
        return self.sent[0][0] - int(first)

    def fired(self) -> set[int]:
        """Return the numbers of the rows where the emulator gave a pulse when they were due."""
        pulses, origin_ns = self.pulses, self.origin_ns
        firsts: dict[int, int] = {}
        found = set()
        times = [one.at_ns for one in self.emulator.fired]
        for one in pulses:
            if one.commanded_ns is None or one.planned_ns is None:
                continue
            first_ns = firsts.setdefault(one.commanded_ns, one.planned_ns)
            due_ns = one.commanded_ns + one.planned_ns - first_ns + origin_ns
            at = bisect_left(times, due_ns)
            if at < len(times) and times[at] - due_ns <= NEAR_NS:
                found.add(one.number)
        return found


class _TracedLink(MemoryLink):
    """Carries the bytes, and tells what it carried and when."""

    def __init__(self, device: MagstimEmulator, clock: Clock, rehearsal: MagstimRehearsal) -> None:
        super().__init__(device, clock)
        self._rehearsal = rehearsal

    def write(self, data: bytes) -> WriteTimes:
        self._rehearsal.touched(self._rehearsal, "write")
        times = super().write(data)
        self._rehearsal.sent.append((times.before_ns, data))
        return times

    def read(self, until_ns: int) -> bytes:
        self._rehearsal.touched(self._rehearsal, "read")
        return super().read(until_ns)


def require_honest(done: MagstimRehearsal) -> None:
    """Fail unless no given pulse is lost from the record, and none is claimed that was not given.

    A pulse that the unit leaves out of a train, or gives beside it, shows nowhere on its line
    (stimulators.md 1.7): do not ask this of sessions with such faults.
    """
    pulses = done.pulses
    fired = done.fired()
    for one in pulses:
        assert one.outcome != "commanded", f"pulse {one.number} was left open"
        if one.outcome == "delivered":
            assert one.number in fired, f"pulse {one.number} is invented"
            assert one.evidence in {"inferred", "acknowledged"}
            assert (one.observed_ns is None) == (one.evidence == "inferred")
        elif one.number in fired:
            assert one.outcome == "unknown", f"pulse {one.number} is lost"
    assert len(fired) == len(done.emulator.fired)
    on_wire = [at_ns - done.origin_ns for at_ns in done.frames_sent(FIRE.frame)]
    assert on_wire == sorted({one.commanded_ns for one in pulses if one.commanded_ns is not None})
    assert not done.emulator.state().armed, "left armed"
    assert done.emulator.damage == ()
    armed = done.frames_sent(ARM.frame)
    assert not armed or max(done.frames_sent(DISARM.frame)) > max(armed)
    require_sound(done.database)
