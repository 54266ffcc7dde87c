"""Orders from outside to a running session, from any thread; the session takes them in order.

Stop never waits here: it sets a flag that the session thread and the driver look at.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from protocols.finding_log import Entry
from tms_console.clinic.adverse_event import AdverseEvent
from tms_console.delivery.states import (
    Event,
    Faulted,
    HostLost,
    IntensityPressed,
    PausePressed,
    StopPressed,
)
from tms_console.records.clinical import AddRecord
from tms_console.records.operations import EventKind


@dataclass(frozen=True, slots=True)
class GoOn:
    """Somebody wants the paused session to go on."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to put on record beside the session: a note, an adverse event.

    Attributes:
        kind: `note` or `adverse_event`.
        detail: It in words.
        actor: Who said it.
    """

    kind: EventKind
    detail: str
    actor: str


@dataclass(frozen=True, slots=True)
class Report:
    """A structured adverse event of the patient in the chair, to put on record.

    Attributes:
        record: It as it goes on record.
        event: What it says.
    """

    record: AddRecord
    event: AdverseEvent


@dataclass(frozen=True, slots=True)
class GiveOne:
    """Somebody wants one stimulus of a search for a threshold, now.

    Attributes:
        stimulus: Which, from 1, as they saw it.
        intensity_pct_mso: At what, as they saw it.
    """

    stimulus: int
    intensity_pct_mso: int


@dataclass(frozen=True, slots=True)
class Said:
    """Something was said in a search for a threshold, such as an answer.

    Attributes:
        entry: It.
        actor: Who said it.
    """

    entry: Entry
    actor: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Something that was asked for in a search for a threshold is not done.

    Attributes:
        what: Which of the things that are asked for.
        stimulus: The number of a stimulus that is not given; 0 for anything else.
        words: What, and why, for who asked; without a full stop.
    """

    what: Literal["stimulus", "intensity", "entry", "decision"]
    stimulus: int
    words: str


Order = Event | GoOn | Remark | Report | GiveOne | Said


class Controls:
    """Where the window, the pipe, the writer and signals leave their orders."""

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self._leaving = threading.Lock()
        self._over = False
        self._halted = False
        self._acknowledged = False
        self._something = threading.Event()

    # Called from any thread

    def stop(self, reason: str) -> None:
        """End the session at once."""
        self._halt(StopPressed(reason))

    def lose_host(self, sentence: str) -> None:
        """End the session at once: the window that watches over it is gone."""
        self._halt(HostLost(sentence))

    def fail(self, sentence: str) -> None:
        """End the session at once: something does not allow it to go on."""
        self._halt(Faulted(sentence))

    def pause(self, reason: str) -> None:
        """Pause after the train in hand."""
        self._orders.append(PausePressed(reason))

    def resume(self) -> None:
        """Go on."""
        self._orders.append(GoOn())

    def set_intensity(self, intensity_pct_mso: int, block: int) -> None:
        """Move the intensity of the block that was meant, from the next train on."""
        self._orders.append(IntensityPressed(intensity_pct_mso, block))
        self._something.set()

    def give_one(self, stimulus: int, intensity_pct_mso: int) -> None:
        """Give one stimulus of a search for a threshold, if it is the next and may be given."""
        self._orders.append(GiveOne(stimulus, intensity_pct_mso))
        self._something.set()

    def say(self, entry: Entry, actor: str) -> None:
        """Put something that was said in a search for a threshold on record."""
        self._orders.append(Said(entry, actor))
        self._something.set()

    def remark(self, kind: EventKind, detail: str, actor: str) -> bool:
        """Put something on record; return False if the session takes nothing any more."""
        return self._leave(Remark(kind, detail, actor))

    def report(self, record: AddRecord, event: AdverseEvent) -> bool:
        """Put an adverse event on record; return False if the session takes nothing any more.

        A grave one ends the session at once, in the middle of a train too: it puts the patient on
        hold, and nothing more is given until a physician clears them.
        """
        taken = self._leave(Report(record, event))
        if taken and event.grave:
            self._halt(StopPressed(f"the patient is on hold: {event}"))
        return taken

    def _leave(self, order: Order) -> bool:
        with self._leaving:
            if not self._over:
                self._orders.append(order)
            return not self._over

    def _halt(self, order: Order) -> None:
        if self._halted:
            self._orders.append(order)  # the first reason is the one that ended the session
        else:
            self._orders.appendleft(order)
        self._halted = True
        self._something.set()

    # Called from the session's thread

    @property
    def halted(self) -> bool:
        """True from the first order that ends the session on; never false again."""
        return self._halted

    def stop_requested(self) -> bool:
        """What the driver asks: must it stop what it is doing now?"""
        return self._halted and not self._acknowledged

    def wait(self, longest_s: float) -> None:
        """Wait in real time for an order, where a virtual clock must stand still for a person."""
        self._something.wait(longest_s)
        self._something.clear()

    def acknowledge(self) -> None:
        """The session is ending: from here on the driver only disarms and listens."""
        self._acknowledged = True

    def take(self) -> list[Order]:
        """Return the orders that have come since the last call."""
        orders: list[Order] = []
        while self._orders:
            orders.append(self._orders.popleft())
        return orders

    def take_last(self) -> list[Order]:
        """Return what the session left; from here on no remark is taken any more."""
        with self._leaving:
            self._over = True
        return self.take()
