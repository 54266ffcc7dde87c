"""What the pages are that deliver something: a list and two steps, what runs, what came of it.

What is read, shown and ordered is each page's own.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from tms_console.delivery.order import SessionOrder
from tms_console.ui.beginning import Beginning
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.link import SessionView
from tms_console.ui.page import Page
from tms_console.ui.parts import Message, button, clear
from tms_console.ui.two_steps import TwoSteps

LOOK_AGAIN_MS = 30_000
"""What is true before a session goes stale by itself: checks are of the last hour."""
READING = "Reading the record ..."


class DeliveringPage(Page):
    """A page with a running session; one part of it is in view at a time.

    Attributes:
        before: The list and the two steps.
        during: What runs, with its own STOP.
        after: What came of it.
    """

    of_patient = True
    before: TwoSteps
    during: QWidget
    after: QWidget

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._shown = False
        self._number = 0
        self._after_uid = ""
        self._loud: tuple[str, ...] = ()
        self._ended: SessionOrder | None = None
        self._user = ""
        self._unseen_of = ""
        self._returning = False
        self._read_for: object = None
        self.stack = QStackedWidget()
        self.column.addWidget(self.stack)
        self.message = QWidget()
        self._message = QVBoxLayout(self.message)
        self.stack.addWidget(self.message)

    def _join(self, before: TwoSteps, during: QWidget, after: QWidget, *others: QWidget) -> None:
        """Put the parts together, and listen to what changes."""
        bridge = self.bridge
        for part in (before, *others, during, after):
            self.stack.addWidget(part)
        self._again = QTimer(self)
        self._again.setInterval(LOOK_AGAIN_MS)
        self._again.timeout.connect(self.look_if_shown)
        bridge.link.view_changed.connect(self.show_session)
        bridge.patient_changed.connect(self.show_patient)
        bridge.record_changed.connect(self.look_if_shown)
        bridge.device_changed.connect(self.look_if_shown)
        bridge.theme_changed.connect(self.show_theme)
        self.beginning = Beginning(bridge, before, self)
        before.opened.connect(self.open_item)
        before.prepare_pressed.connect(self.prepare)
        before.start_pressed.connect(self.start)

    # What each page does

    def look(self) -> None:
        """Read what is to be done for the chosen patient."""
        raise NotImplementedError

    def open_item(self, what: str) -> None:
        """Open what an item of the list asks for."""
        raise NotImplementedError

    def prepare(self) -> None:
        """First step: look at everything once more, then ask who is in the chair."""
        raise NotImplementedError

    def start(self) -> None:
        """Second step: sign the order for exactly what is shown, and hand it over."""
        raise NotImplementedError

    def show_session(self, view: SessionView) -> None:
        """Follow a session, whatever page is in view."""
        raise NotImplementedError

    def show_theme(self) -> None:
        """Take the colours of another theme."""
        raise NotImplementedError

    def _forget_patient(self) -> None:
        """Keep nothing of the patient who was chosen before."""
        raise NotImplementedError

    # What is shown

    @property
    def has_stop(self) -> bool:
        """True while the page shows its own STOP; the frame then shows none."""
        return self.stack.currentWidget() is self.during

    def _show(self, part: QWidget) -> None:
        if self.stack.currentWidget() is not part:
            at = QApplication.focusWidget()
            here = at is self or (at is not None and self.isAncestorOf(at))
            self.stack.setCurrentWidget(part)
            if here and part in (self.before, self.during, self.after):
                part.setFocus(Qt.FocusReason.OtherFocusReason)  # on no control

    def _tell(self, title: str, text: str, action: tuple[str, str] | None = None) -> None:
        """Show a message instead, with a page to go to: what its button says, and its name."""
        clear(self._message)
        made = None
        if action is not None:
            made = button(action[0], partial(self.bridge.go, action[1]), "primary")
        self._message.addWidget(Message(title, text, made))
        self._show(self.message)

    def _tell_unreadable(self, sentence: str) -> None:
        self._tell("This cannot be shown", sentence)

    @Slot()
    def show_patient(self) -> None:
        """Another patient was chosen: nothing of the last one stays."""
        if self.bridge.link.running or self._returning:
            return
        self._number += 1  # what is still being read is of the last one
        self._after_uid, self._loud, self._unseen_of = "", (), ""
        self._forget_patient()
        self.before.show_refusal("", ())
        self._tell_reading()
        self.look_if_shown()

    def _ended_for(self, patient_uid: str) -> None:
        """Remember whose session ended while somebody else was chosen."""
        self._unseen_of = patient_uid

    def _show_whose_ended(self) -> None:
        """What came of a session is seen first, as its patient's, whoever was chosen meanwhile."""
        uid, self._unseen_of = self._unseen_of, ""
        if uid:
            self._returning = True
            self.bridge.set_patient(uid)
            self._returning = False

    def _enter(self) -> None:
        """Read again; the list of the same patient, person and stimulator stays in view meanwhile.

        Nothing can be ordered from it: Prepare reads once more.
        """
        same = self._read_for == self._reading_for and self.stack.currentWidget() is self.before
        if not same:
            self._tell_reading()
        self.look()

    @property
    def _reading_for(self) -> tuple[str, str, ChosenDevice]:
        bridge = self.bridge
        return bridge.patient_uid, bridge.user_uid, bridge.device

    def _tell_reading(self) -> None:
        self._tell(READING, "")

    @Slot()
    def look_if_shown(self) -> None:
        """Read again, if somebody looks and nothing is being filled in."""
        if self._shown and self.stack.currentWidget() in (self.message, self.before, self.after):
            self.look()

    def left(self) -> None:
        """Stop what costs time and order nothing more; a running session goes on."""
        self._shown = False
        self.before.back()
        self._again.stop()

    def _taken(self, number: int) -> bool:
        """Return whether what was read is still wanted."""
        return number == self._number and not self.bridge.link.running
