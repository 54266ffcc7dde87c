"""Sessions in a delivering process, as the window runs them, for the bench to look at.

What is read off them is in `lateness` and `stopping`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path

from protocols.pattern import BlockPattern, Burst, Convention, Interval, Train
from protocols.prescription import FixedBlock, SessionContent
from protocols.terms import Side, ThresholdKind
from tests.bench.machine import without_realtime
from tms_console.delivery import pipe
from tms_console.delivery.client import BEAT_EVERY_S, DeliveryClient
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.snapshot import Snapshot
from tms_console.main import rehearsal_order

THETA = Burst(3, Fraction(50))
"""Three pulses at 50 Hz, five times a second (clinical.md, itbs-600)."""

TRAIN_PERIOD_S = 3
"""Onset to onset; itbs-600 has 10 s.  The checks before a train take most of the rest."""

LATEST_PULSE_US = 1_000_000
"""However late, it is given and measured; a protocol's own limit is 2 ms."""

ANSWERS_WITHIN_S = 30.0


class NoSession(Exception):
    """A session of the bench did not run; the message says why."""


def theta_trains(trains: int, bursts: int = 2, period_s: int = TRAIN_PERIOD_S) -> SessionContent:
    """Return short theta-burst trains, timed by the device, each started by the host."""
    train = Train(bursts, Fraction(5), THETA)
    return _content(train, trains, period_s - train.duration_s)


def plain_trains(trains: int, period_s: int) -> SessionContent:
    """Return trains of 40 pulses at 10 Hz, timed by the device (clinical.md, hf10-standard)."""
    train = Train(40, Fraction(10))
    return _content(train, trains, period_s - train.duration_s)


def slow_pulses(pulses: int) -> SessionContent:
    """Return one train at 1 Hz, timed by the host pulse by pulse."""
    return _content(Train(pulses, Fraction(1)), 1, Fraction(0))


def _content(train: Train, trains: int, gap_s: Fraction) -> SessionContent:
    block = FixedBlock(
        label="bench",
        target="left dorsolateral prefrontal cortex",
        side=Side.LEFT,
        coil="figure-8",
        threshold_kind=ThresholdKind.RESTING_HAND,
        threshold_pct_mso=50,
        pct_mt=Fraction(100),
        intensity_pct_mso=50,
        lowest_pct_mso=40,
        highest_pct_mso=60,
        pattern=BlockPattern(
            train, trains, Interval(gap_s, Convention.GAP) if trains > 1 else None
        ),
    )
    return SessionContent("bench", "Bench", (block,), latest_host_pulse_us=LATEST_PULSE_US)


class Delivery:
    """One delivering process, beaten for by a thread of the bench."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._stands: Snapshot | None = None
        self._over: pipe.Over | None = None
        self.died = threading.Event()
        self._closing = threading.Event()
        self.client = DeliveryClient(self._hear, self._die)
        self._heart = threading.Thread(target=self._beat)
        self._heart.start()

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_EVERY_S):
            self.client.beat()

    def _hear(self, message: pipe.Message) -> None:
        with self._news:
            if isinstance(message, pipe.Stands):
                self._stands = message.snapshot
            elif isinstance(message, pipe.Over):
                self._over = message
            self._news.notify_all()

    def _die(self, _status: int) -> None:
        self.died.set()
        with self._news:
            self._news.notify_all()

    def start(
        self, content: SessionContent, database: Path, device: EmulatorOrder | PortOrder
    ) -> None:
        """Have a session begin."""
        self._stands = self._over = None
        self.client.send(pipe.Start(rehearsal_order(content, database, device)))

    def snapshot_in(self, *states: str) -> Snapshot:
        """Wait until the session is in one of these states.

        Raises:
            NoSession: It ended before, or did not get there.
        """
        deadline_s = time.monotonic() + ANSWERS_WITHIN_S
        with self._news:
            while self._stands is None or self._stands.state not in states:
                left_s = deadline_s - time.monotonic()
                if self._over is not None or self.died.is_set() or left_s <= 0:
                    raise NoSession(self._over.reason if self._over else "it did not get there")
                self._news.wait(left_s)
            return self._stands

    @property
    def state(self) -> str:
        """The newest state that was heard of, "" before the first."""
        return "" if self._stands is None else self._stands.state

    def over(self, within_s: float = ANSWERS_WITHIN_S) -> pipe.Over:
        """Wait for the end of the session.

        Raises:
            NoSession: It did not end.
        """
        deadline_s = time.monotonic() + within_s
        with self._news:
            while self._over is None:
                left_s = deadline_s - time.monotonic()
                if self.died.is_set() or left_s <= 0:
                    raise NoSession("the session did not end")
                self._news.wait(left_s)
            return self._over

    def close(self) -> None:
        """End the process."""
        self._closing.set()
        self._heart.join()
        self.client.close()


@contextmanager
def delivery(*, realtime: bool) -> Iterator[Delivery]:
    """Run a delivering process inside, with the right to real-time priority or without it."""
    made: list[Delivery] = []

    def make() -> None:
        with nullcontext() if realtime else without_realtime():
            made.append(Delivery())

    maker = threading.Thread(target=make)
    maker.start()
    maker.join()
    if not made:
        raise NoSession("the delivering process could not be started")
    try:
        yield made[0]
    finally:
        made[0].close()
