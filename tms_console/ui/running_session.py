"""Keeps a running session in view: clock, pulses on disk, and what is pressed.

Its timers run only while somebody looks.  STOP waits for none of it.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from tms_console.clinic.adverse_event import What
from tms_console.records.live import new_pulses
from tms_console.records.operations import EventKind
from tms_console.screens.treat_after import COMFORT
from tms_console.screens.treat_during import DuringScreen, Moment, Running, during_screen
from tms_console.screens.treat_event import MILD, ONE_TAP, SEIZURE_TAP, SEVERE
from tms_console.screens.treat_live import Live, follow, raster
from tms_console.ui.bridge import Bridge
from tms_console.ui.in_session import SessionClock, stamp
from tms_console.ui.link import SessionView
from tms_console.ui.treat_during import ASKED_TO_STOP, DuringPart

FRAME_MS = 40
"""25 frames a second."""
WORDS_MS = 100
DISK_MS = 250


class RunningSession(QObject):
    """What the page does while a session runs.

    Attributes:
        part: What it is shown in.
        of: The session, None before the first.
        stamped: Uid, session and onset of the seizure that was stamped, None for none.
    """

    seizure_began = Signal()

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.part = DuringPart(bridge)
        self.of: Running | None = None
        self.stamped: tuple[str, str | None, str] | None = None
        self._view = SessionView()
        self._zone: tzinfo | None = None
        self._clock = SessionClock()
        self._wanted: list[int] = []
        self._coil_before_c: int | None = None
        self._paused_ns: int | None = None
        self._live = Live()
        self._due = np.zeros(0, np.int64)
        self._reading = False
        self.screen_now: DuringScreen | None = None
        self._timers = [
            self._timer(FRAME_MS, self.show_frame),
            self._timer(WORDS_MS, self.show_words),
            self._timer(DISK_MS, self.read_disk),
        ]
        part, link = self.part, bridge.link
        part.stop_pressed.connect(partial(link.stop, "STOP was pressed"))
        part.pause_pressed.connect(partial(link.pause, "Pause was pressed"))
        part.resume_pressed.connect(link.resume)
        part.intensity_pressed.connect(self.move_intensity)
        part.event_pressed.connect(self.put_event)
        part.noted.connect(self.put_note)
        part.comfort_pressed.connect(self.put_comfort)
        part.asked_to_stop.connect(self.patient_asks)
        part.seizure_pressed.connect(self.begin_seizure)

    def _timer(self, every_ms: int, slot: object) -> QTimer:
        made = QTimer(self)
        made.setInterval(every_ms)
        made.timeout.connect(slot)
        return made

    # What is shown

    def begin(self, of: Running, zone: tzinfo | None) -> None:
        """A session is about to be ordered."""
        self.of, self._zone = of, zone
        self.stamped = None
        self._view = SessionView()
        self._wanted = [one.intensity_pct_mso for one in of.doses]
        self._coil_before_c = self._paused_ns = None
        self._live = Live()
        self._due = of.due_ns
        self._clock.begin()
        self.part.begin()
        self.show_words()

    def show_view(self, view: SessionView, *, shown: bool) -> None:
        """Take the newest view."""
        snapshot = view.snapshot
        if self._clock.take(snapshot) and snapshot is not None:
            if self.of is not None:
                self._due = self.of.due_now(snapshot)
            if self._coil_before_c is None:
                self._coil_before_c = snapshot.coil_temperature_c
        new_state = snapshot is not None and (
            self._view.snapshot is None or self._view.snapshot.state != snapshot.state
        )
        self._view = view
        if shown and new_state:
            self.show_words()
        if shown and not self._timers[0].isActive():
            self.show(shown=True)

    def show(self, *, shown: bool) -> None:
        """Run the timers while somebody looks."""
        for timer in self._timers:
            if shown and self._bridge.link.running:
                timer.start()
            else:
                timer.stop()

    def end(self) -> None:
        """The session is over."""
        self.show(shown=False)

    def left_typed(self) -> tuple[str, ...]:
        """Return, once, the note that stood in the field without Enter when the session ended."""
        text = self.part.take_note()
        told = f"Typed as a note when the session ended, and not on record: \u201c{text}\u201d."
        return (told,) if text else ()

    @Slot()
    def show_frame(self) -> None:
        """Show a frame of the live plot."""
        snapshot = self._view.snapshot
        if snapshot is None or not self.part.isVisible():
            return
        holds = snapshot.state == "paused"
        self.part.show_raster(raster(self._live, self._due, self._clock.now_ns, holds=holds))

    @Slot()
    def show_words(self) -> None:
        """Show numbers and words."""
        if self.of is None:
            return
        snapshot = self._view.snapshot
        if snapshot is None or snapshot.state != "paused":
            self._paused_ns = None
        elif self._paused_ns is None:
            seen = self._live.drawn_ns
            self._paused_ns = int(seen[-1]) if seen.size else snapshot.at_ns
        moment = Moment(
            self._clock.now_ns,
            datetime.now(self._zone).astimezone(self._zone),
            tuple(self._wanted),
            self._coil_before_c,
            self._paused_ns,
        )
        self.screen_now = during_screen(self.of, snapshot, moment)
        self.part.show_screen(self.screen_now, self._bridge.tokens)
        self.part.show_live(self._live, 0 if snapshot is None else snapshot.delivered)

    @Slot()
    def read_disk(self) -> None:
        """Read what has come to the disk since; one read at a time."""
        uid, of, before = self._view.session_uid, self.of, self._live
        if self._reading or not uid or of is None:
            return
        self._reading = True
        database = self._bridge.station.database

        def read() -> Live:
            return follow(before, new_pulses(database, uid, before.settled + 1), of.pulses)

        self._bridge.worker.run(self, read, partial(self._take, of), self._not_read)

    def _take(self, of: Running, live: Live) -> None:
        self._reading = False
        if of is self.of:
            self._live = live

    def _not_read(self, error: Exception) -> None:
        self._reading = False
        self.part.say(f"The record cannot be read just now: {error}")

    def facts(self) -> dict[str, str]:
        """Return what the seizure card notes by itself."""
        of, snapshot, shown = self.of, self._view.snapshot, self.screen_now
        if of is None or shown is None:
            return {}
        told = {
            "Onset": datetime.now(self._zone).astimezone(self._zone).strftime("%H:%M:%S"),
            "Treatment": of.title,
            "Coil": of.content.blocks[0 if snapshot is None else snapshot.block - 1].coil,
            "Intensity": f"{shown.intensity.set_to} %MSO, {shown.intensity.words}",
            "Pulses given": f"{shown.pulses:,} of {shown.total:,}",
            "Train": shown.train,
        }
        if self._live.drawn_ns.size:
            ago_s = (self._clock.now_ns - int(self._live.drawn_ns[-1])) / 1e9
            told["Last pulse"] = f"{max(0.0, ago_s):.0f} s before"
        return told

    # What is pressed

    @Slot(int)
    def move_intensity(self, steps: int) -> None:
        """Ask for another intensity from the next train on, inside the signed bounds."""
        snapshot, of, shown = self._view.snapshot, self.of, self.screen_now
        if snapshot is None or of is None or shown is None or not shown.intensity.movable:
            return
        block = snapshot.block - 1
        step = of.content.blocks[block].step_pct_mso
        dose = of.doses[block]
        wanted = self._wanted[block] + steps * step
        if dose.lowest_pct_mso <= wanted <= dose.highest_pct_mso:
            self._wanted[block] = wanted
            self._bridge.link.set_intensity(wanted, snapshot.block)
            self.show_words()

    @Slot(object)
    def put_event(self, what: What) -> None:
        """Put a mild event on record, stamped now."""
        if self._put(what, MILD, ONE_TAP) is not None:
            self._said(f"{what}, mild: on record")

    def _put(self, what: What, severity: int, told: str) -> tuple[str, str | None, str] | None:
        of = self.of
        if of is None:
            return None
        uid = self._view.session_uid or None
        return stamp(self._bridge, of.patient_uid, uid, (what, severity, told))

    @Slot(str)
    def put_note(self, text: str) -> None:
        """Put a note on record."""
        login = self._bridge.login
        if login is not None:
            login.touch()
            self._bridge.link.put_on_record(EventKind.NOTE, text, login.user_uid)
            self._said(f"Noted: {text}")

    @Slot(int)
    def put_comfort(self, value: int) -> None:
        """Note the comfort."""
        self.put_note(f"{COMFORT}{value} of 10")

    @Slot()
    def patient_asks(self) -> None:
        """The patient asked to stop: stop first, then note it."""
        self._bridge.link.stop(ASKED_TO_STOP)
        self.put_note(ASKED_TO_STOP)

    @Slot()
    def begin_seizure(self) -> None:
        """Stop, stamp, then open the card."""
        self._bridge.link.stop("a seizure was reported")
        self.stamped = self._put(What.SEIZURE, SEVERE, SEIZURE_TAP)
        self.seizure_began.emit()

    def _said(self, sentence: str) -> None:
        clock = datetime.now(self._zone).astimezone(self._zone)
        self.part.say(f"{clock:%H:%M:%S}  {sentence}")
