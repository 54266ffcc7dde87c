"""A command that is due at a moment: made ready before, written then, and not after a stop."""

from __future__ import annotations

from fractions import Fraction

import pytest

from drivers.errors import StopRequested
from drivers.interface import Direction, Frame, TrainSettings, TrainTiming
from drivers.magpro.codec import encode_frame
from drivers.magpro.commands import SetEnabled, StartTrain, Trigger
from drivers.magpro.driver import MagProStimulator
from drivers.magpro.emulator import MagProEmulator
from drivers.simulator.memory_link import MemoryLink
from protocols.pattern import Train
from tms_console.clock import VirtualClock

SECOND_NS = 1_000_000_000


class _Bench:
    """A stimulator armed for single pulses, with what it wrote and a stop to ask for."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.emulator = MagProEmulator()
        self.sent: list[Frame] = []
        self.stop_at_ns: int | None = None
        self.stimulator = MagProStimulator(
            MemoryLink(self.emulator, self.clock),
            self.clock,
            frame_log=self._log,
            stop_requested=lambda: (
                self.stop_at_ns is not None and self.clock.now_ns() >= self.stop_at_ns
            ),
        )

    def _log(self, frame: Frame) -> None:
        if frame.direction is Direction.SENT:
            self.sent.append(frame)

    def arm(self, train: Train, timing: TrainTiming) -> None:
        self.stimulator.configure(TrainSettings(train, 50, timing))
        self.stimulator.arm()
        self.sent.clear()


@pytest.fixture
def bench() -> _Bench:
    return _Bench()


def test_a_pulse_that_is_due_is_commanded_at_its_time_and_not_before(bench: _Bench) -> None:
    bench.arm(Train(1, Fraction(1)), TrainTiming.HOST)
    due_ns = bench.clock.now_ns() + SECOND_NS

    receipt = bench.stimulator.fire(due_ns + 1, due_ns)

    assert receipt is not None
    assert receipt.commanded_ns == due_ns
    assert [(one.at_ns, one.data) for one in bench.sent] == [(due_ns, encode_frame(Trigger().body))]


def test_a_train_that_is_due_is_started_at_its_time_and_not_before(bench: _Bench) -> None:
    bench.arm(Train(3, Fraction(10)), TrainTiming.DEVICE)
    due_ns = bench.clock.now_ns() + SECOND_NS

    receipt = bench.stimulator.start_train(due_ns + 1, due_ns)

    assert receipt is not None
    assert receipt.commanded_ns == due_ns
    assert bench.sent[0].data == encode_frame(StartTrain().body)


@pytest.mark.parametrize("before_ns", [SECOND_NS // 2, 3_000_000, 1_000_000, 0])
def test_a_stop_while_a_command_waits_for_its_time_disarms_and_commands_nothing(
    bench: _Bench, before_ns: int
) -> None:
    """Also in the last moment, when the wait is an exact one and only its end looks for a stop."""
    bench.arm(Train(1, Fraction(1)), TrainTiming.HOST)
    due_ns = bench.clock.now_ns() + SECOND_NS
    bench.stop_at_ns = due_ns - before_ns

    with pytest.raises(StopRequested):
        bench.stimulator.fire(due_ns + 1, due_ns)

    assert [one.data for one in bench.sent] == [encode_frame(SetEnabled(False).body)]
    assert bench.clock.now_ns() - bench.stop_at_ns <= 5_000_000
    assert bench.emulator.pulses_fired == 0


def test_a_command_whose_time_is_over_is_not_given(bench: _Bench) -> None:
    bench.arm(Train(1, Fraction(1)), TrainTiming.HOST)
    now_ns = bench.clock.now_ns()

    assert bench.stimulator.fire(now_ns - 1, now_ns - 2) is None
    assert bench.sent == []
