"""Keeps a running search for a threshold in view: what was said, where it stands, what comes next.

What the method asks for is computed in a thread of its own, and the window never waits for it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot

from protocols.canonical import ContentError
from protocols.finding_log import (
    Answered,
    Decided,
    Entry,
    FindingLog,
    MethodBegun,
    Placed,
    TakenBack,
    Verdict,
    entry_words,
)
from protocols.threshold import METHODS, Answer, Standing
from tms_console.clinic.adverse_event import What
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.delivery.pipe import NotTaken
from tms_console.records.values import new_uid
from tms_console.screens.finding import settings_for
from tms_console.screens.finding_during import FindingScreen, Now, Searching, finding_screen
from tms_console.screens.treat_during import heard_words
from tms_console.screens.treat_event import SEIZURE_TAP, SEVERE
from tms_console.ui.bridge import Bridge
from tms_console.ui.finding_during import FindingDuring
from tms_console.ui.in_session import SessionClock, stamp
from tms_console.ui.link import SessionView
from tms_console.ui.made_up_patient import seen_after

WORDS_MS = 100
FIRST_PCT_MSO = 50
"""Where the search for the hotspot begins if no threshold is on record; an operational choice."""
NOT_HEARD = "The delivering process did not hear this, and it is not done: {}. Press STOP."
REFUSED_AFTER_S = 3.0
"""An order of which nothing came for so long was not taken."""


class RunningFinding(QObject):
    """What the page does while a threshold is looked for.

    Attributes:
        part: What it is shown in.
        of: The search, None before the first.
        log: The series as it was said here.
        standing: Where the method stands after exactly this series; None while it is computed.
        seen: What the simulated patient did after the last stimulus; None without one.
        accepted: Somebody pressed Accept; whether it was taken the record says.
    """

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.part = FindingDuring(bridge)
        self.of: Searching | None = None
        self.log = FindingLog()
        self.standing: Standing | None = None
        self.screen_now: FindingScreen | None = None
        self._computing = bridge.computing
        self._view = SessionView()
        self._clock = SessionClock()
        self._wanted = 0
        self._set = 0
        self._ordered: tuple[int, int] = (0, 0)
        self._last_order = (0, 0)
        self._ordered_at_s = 0.0
        self.seen: Answer | None = None
        self.accepted = False
        self._apart = False
        self._virtual: tuple[int, Path] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(WORDS_MS)
        self._timer.timeout.connect(self.show_words)
        part, link = self.part, bridge.link
        link.not_taken.connect(self.show_not_taken)
        part.stop_pressed.connect(partial(link.stop, "STOP was pressed"))
        part.stimulate_pressed.connect(self.stimulate)
        part.answered.connect(self.answer)
        part.taken_back.connect(self.take_back)
        part.intensity_pressed.connect(self.move_intensity)
        part.place_chosen.connect(self.place)
        part.begin_pressed.connect(self.begin_method)
        part.accept_pressed.connect(self.accept)
        part.rejected.connect(self.reject)
        part.seizure_pressed.connect(self.seizure)

    @property
    def session_uid(self) -> str:
        """The session of the search, "" before it is on record."""
        return self._view.session_uid

    # The simulated patient

    def with_patient(self, order: SessionOrder) -> SessionOrder:
        """Return an order whose emulator logs its pulses, so that a simulated patient can answer.

        Nobody is simulated on a stimulator that this program does not build itself.
        """
        self._forget_virtual()
        device = order.device
        if not isinstance(device, EmulatorOrder) or device.pulse_log is not None:
            return order
        database = self._bridge.station.database.path
        log = database.with_name(f"{database.stem}-{new_uid()}.pulses")
        self._virtual = device.seed, log
        return replace(order, device=replace(device, pulse_log=str(log)))

    def _forget_virtual(self) -> None:
        virtual, self._virtual = self._virtual, None
        if virtual is not None:
            path = virtual[1]
            self._computing.run(
                self, lambda: path.unlink(missing_ok=True), lambda _none: None, self._not_computed
            )

    def _ask_patient(self) -> None:
        """Ask what the simulated patient did after the last stimulus, away from the window."""
        if self._virtual is None:
            return
        (seed, path), log = self._virtual, self.log
        near = None if self.of is None else self.of.last_value
        self._computing.run(
            self,
            lambda: seen_after(log, path, seed, near),
            partial(self._show_seen, log),
            self._not_computed,
        )

    def _show_seen(self, log: FindingLog, seen: Answer | None) -> None:
        if log is not self.log or seen is None:
            return
        self.seen = seen
        told = "moved" if seen is Answer.MOVED else "did not move"
        self.part.simulated.setText(f"SIMULATED: the made-up patient's hand {told}.")

    # What is shown

    def begin(self, of: Searching) -> None:
        """A search is about to be ordered."""
        self.of, self.log, self.standing = of, FindingLog(), None
        self._view, self.accepted = SessionView(), False
        highest = of.policy.threshold_finding.highest_pct_mso
        first = FIRST_PCT_MSO if of.last_value is None else round(of.last_value * 1.1)
        self._wanted, self._set, self._ordered = min(first, highest), 0, (0, 0)
        self._last_order, self._apart = (0, 0), False
        self._clock.begin()
        self.part.begin(str(of.aim), METHODS[of.method].title)
        self.show_words()

    def show_view(self, view: SessionView, *, shown: bool) -> None:
        """Take the newest view."""
        snapshot = view.snapshot
        self._clock.take(snapshot)
        self._view = view
        if snapshot is not None and snapshot.state == "paused":
            self._take_given(snapshot.train - 1)
            self._set_wanted()
        self.show_words()
        if shown and not self._timer.isActive():
            self.show(shown=True)

    def show(self, *, shown: bool) -> None:
        """Run the timer while somebody looks."""
        if shown and self._bridge.link.running:
            self._timer.start()
        else:
            self._timer.stop()

    def end(self) -> None:
        """The search is over."""
        self.show(shown=False)
        self._forget_virtual()

    def _take_given(self, given: int) -> None:
        """Count a stimulus that is over; one of which nothing comes is told of, and forgotten.

        One that was forgotten too early is counted all the same when it was given.
        """
        number, intensity = self._last_order
        if number == len(self.log.given) + 1 and given >= number:
            self.log = self.log.with_stimulus(intensity)
            self._ordered = (0, 0)
            self._ask_patient()
        elif self._ordered[0] and time.monotonic() - self._ordered_at_s > REFUSED_AFTER_S:
            number, intensity = self._ordered
            self._ordered = (0, 0)
            self.part.tell(
                f"Stimulus {number} at {intensity} %MSO was ordered {REFUSED_AFTER_S:.0f} s ago, "
                "and nothing came of it. Press S again, or STOP."
            )

    def _set_wanted(self) -> None:
        """Ask for what comes next, once."""
        wanted = self._wanted
        if self.log.settings is not None:
            wanted = 0 if self.standing is None else self.standing.next_pct_mso or 0
        if wanted and wanted != self._set and not self._ordered[0]:
            self._set = wanted
            self._bridge.link.set_intensity(wanted, 1)

    @Slot()
    def show_words(self) -> None:
        """Show this moment."""
        of, snapshot = self.of, self._view.snapshot
        if of is None:
            return
        now = Now(
            snapshot,
            self.log,
            self.standing,
            self._clock.now_ns,
            self._wanted,
            self._ordered[0],
            self._apart,
        )
        self.screen_now = finding_screen(of, now)
        self.part.show_screen(self.screen_now, heard_words(snapshot, self._clock.now_ns))
        self.part.show_curve(self.standing, self.log.series)

    # What is pressed

    @Slot()
    def stimulate(self) -> None:
        """Order the next stimulus, as it is shown."""
        shown, login = self.screen_now, self._bridge.login
        if shown is None or login is None or login.locked or not shown.can_stimulate:
            return
        login.touch()
        self._ordered = self._last_order = (len(self.log.given) + 1, shown.set_to)
        self._ordered_at_s = time.monotonic()
        self.seen = None
        self.part.simulated.setText("")
        self.part.tell("")
        if not self._bridge.link.give_stimulus(*self._ordered):
            self._ordered = (0, 0)
            self.part.tell(NOT_HEARD.format("Stimulate"))
        self.show_words()

    @Slot(object)
    def answer(self, seen: Answer) -> None:
        """Say what was seen."""
        if self.screen_now is not None and self.screen_now.can_answer:
            self._say(Answered(len(self.log.given), seen))

    @Slot()
    def take_back(self) -> None:
        """Take the last answer back."""
        if self.screen_now is not None and self.screen_now.can_take_back:
            self._say(TakenBack(len(self.log.given)))

    @Slot(int)
    def move_intensity(self, step: int) -> None:
        """Choose another intensity for the search of the hotspot."""
        of, shown = self.of, self.screen_now
        if of is None or shown is None or not shown.can_move:
            return
        highest = of.policy.threshold_finding.highest_pct_mso
        self._wanted = min(highest, max(2, self._wanted + step))
        self._set_wanted()
        self.show_words()

    @Slot(object)
    def place(self, place: Placed) -> None:
        """The coil is at another place."""
        if self.screen_now is not None and self.screen_now.can_move:
            self._say(place)

    @Slot()
    def begin_method(self) -> None:
        """The hotspot is where the coil is: from here on the method asks."""
        of, shown = self.of, self.screen_now
        if of is None or shown is None or not shown.can_begin:
            return
        given = len(self.log.given)
        self._say(
            MethodBegun(settings_for(of.policy, of.method, of.last_value, self._wanted, given))
        )

    @Slot()
    def accept(self) -> None:
        """Take the value as the threshold; the delivering process compares it with the series."""
        if self.screen_now is not None and self.screen_now.value is not None:
            self.part.tell("")
            self.accepted = self._tell(Decided(Verdict.ACCEPTED, self.screen_now.value))

    @Slot(str)
    def reject(self, reason: str) -> None:
        """Keep the series and take no value from it."""
        if self.screen_now is not None and self.screen_now.can_decide and reason:
            self._tell(Decided(Verdict.REJECTED, None, reason))

    @Slot()
    def seizure(self) -> None:
        """Stop, put it on record and the patient on hold."""
        self._bridge.link.stop("Seizure was pressed")
        of, uid = self.of, self._view.session_uid or None
        event = (What.SEIZURE, SEVERE, SEIZURE_TAP)
        if of is None or stamp(self._bridge, of.patient_uid, uid, event) is None:
            return
        self.part.tell(
            "Stopped; the seizure is on record. Complete it in Patients, Adverse events."
        )

    def _say(self, entry: Entry) -> None:
        """Say something here and to the delivering process, which puts it on record."""
        try:
            log = self.log.with_entry(entry)
        except ContentError as error:
            self.part.tell(f"That cannot be said now: {error}.")
            return
        self.part.tell("")
        self.part.simulated.setText("")
        if not self._tell(entry):
            return
        self.log, self.standing = log, None
        self._compute()
        self.show_words()

    def _tell(self, entry: Entry) -> bool:
        """Say something to the delivering process; False if it did not hear, which is told."""
        login = self._bridge.login
        if login is None:
            return False
        login.touch()
        heard = self._bridge.link.say_in_finding(entry, login.user_uid)
        if not heard:
            self.part.tell(NOT_HEARD.format(entry_words(entry)))
        return heard

    @Slot(object)
    def show_not_taken(self, one: NotTaken) -> None:
        """Tell what was asked for and is not done."""
        if self.of is None:
            return
        told = f"{one.words[:1].upper()}{one.words[1:]}."
        match one.what:
            case "stimulus" if one.stimulus == self._ordered[0]:
                self._ordered = (0, 0)
            case "decision":
                self.accepted = False
            case "entry":
                self._apart = True
                told = f"{told} What is shown here is not what is on record: press STOP."
        self.part.tell(told)
        self.show_words()

    def _compute(self) -> None:
        """Compute where the method stands, in a thread of its own."""
        log = self.log
        finding = log.finding
        if finding is None or log.waits_for_answer:
            return
        self._computing.run(
            self, lambda: finding.standing, partial(self._take_standing, log), self._not_computed
        )

    def _take_standing(self, log: FindingLog, standing: Standing) -> None:
        if log is not self.log:
            return  # something else was said meanwhile
        self.standing = standing
        self._set_wanted()
        self.show_words()

    def _not_computed(self, error: Exception) -> None:
        self.part.tell(f"The next intensity could not be computed: {error}. Press STOP.")
