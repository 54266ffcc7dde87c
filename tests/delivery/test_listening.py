"""What comes beside a session's own shots: all of it goes on record, whatever ends the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from drivers.errors import NotConnected
from drivers.interface import DeviceEvent, DeviceNotice, NoticeKind, PulseReport, Stimulator
from tms_console.delivery.in_hand import UnplannedNumbers
from tms_console.delivery.journal import Journal
from tms_console.delivery.listening import UNCOMMANDED, Listener
from tms_console.delivery.settling import Settler
from tms_console.delivery.wall import WallClock
from tms_console.records.operations import (
    EventKind,
    Operation,
    TrainOutcome,
    UnplannedPulse,
    new_uid,
)

CHARGES = DeviceNotice(7, NoticeKind.UNCOMMANDED, "the unit charges", pulses=1)
KNOB = DeviceNotice(5, NoticeKind.INTENSITY, "the intensity was changed")


class Says:
    """A stimulator that has all of this to say at once."""

    def __init__(self, *events: DeviceEvent) -> None:
        self._events = events

    def poll(self, _until_ns: int) -> Sequence[DeviceEvent]:
        said, self._events = self._events, ()
        return said


class Gone:
    """A stimulator whose cable was pulled out."""

    def poll(self, _until_ns: int) -> Sequence[DeviceEvent]:
        raise NotConnected("memory: the stimulator's cable was pulled out")

    def disarm(self) -> None:
        raise NotConnected("memory: the stimulator's cable was pulled out")


class Pad:
    """A journal that keeps what is written."""

    def __init__(self) -> None:
        self.uid = new_uid()
        self.written: list[Operation] = []
        self.noted: list[tuple[EventKind, str]] = []

    def now_ns(self) -> int:
        return 10

    def on_clock(self, at_ns: int) -> int:
        return at_ns

    def since_origin(self, at_ns: int) -> int:
        return at_ns

    def flush_frames(self) -> None:
        """There are none."""

    def write(self, operation: Operation) -> None:
        self.written.append(operation)

    def note(self, kind: EventKind, detail: str) -> None:
        self.noted.append((kind, detail))


@pytest.mark.parametrize(
    ("events", "trouble", "rows"),
    [
        ((PulseReport(3), PulseReport(4)), UNCOMMANDED, [("reported", 3), ("reported", 4)]),
        ((KNOB, PulseReport(6)), "the intensity was changed", [("reported", 6)]),
        ((KNOB, CHARGES), "the intensity was changed", [("inferred", None)]),
        ((CHARGES,), "the unit charges", [("inferred", None)]),
    ],
)
def test_every_pulse_that_nobody_commanded_is_on_record(
    events: Sequence[DeviceEvent], trouble: str, rows: list[tuple[str, int | None]]
) -> None:
    """The first of them ends the session; those that came in the same breath are not lost."""
    pad, numbers = Pad(), UnplannedNumbers(600)
    says, journal = cast("Stimulator", Says(*events)), cast("Journal", pad)
    listener = Listener(says, journal, cast("WallClock", None), "figure-8", numbers)
    assert listener.watch(20, may_ask=False).startswith(trouble)
    written = [one for one in pad.written if isinstance(one, UnplannedPulse)]
    assert [(one.evidence.value, one.observed_ns) for one in written] == rows
    assert [one.number for one in written] == [601 + index for index in range(len(rows))]


def test_what_came_beside_the_trouble_is_on_record_even_if_the_stimulator_is_lost_then() -> None:
    """A train ended by the first of several messages, and nobody answers any more."""
    pad, numbers = Pad(), UnplannedNumbers(600)
    gone, journal = cast("Stimulator", Gone()), cast("Journal", pad)
    listener = Listener(gone, journal, cast("WallClock", None), "figure-8", numbers)
    listener.keep([CHARGES])
    listener.lost = True
    Settler(gone, journal, listener).settle_all(TrainOutcome.FAILED)
    assert [type(one) for one in pad.written] == [UnplannedPulse]
    [(kind, detail)] = pad.noted
    assert kind is EventKind.FAULT
    assert detail.startswith(CHARGES.sentence)
