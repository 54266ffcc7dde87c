"""The Treat page after a session: given against planned, how it was borne, signature, what is next.

It shows an `AfterScreen` and reports what was pressed.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from tms_console.clinic.adverse_event import What
from tms_console.clinic.adverse_events import RecordedEvent
from tms_console.screens.treat_after import AfterScreen
from tms_console.screens.treat_event import MILD, EventEntry
from tms_console.ui.bridge import Bridge
from tms_console.ui.dose_plots import DosePlots
from tms_console.ui.event_form import EventForm
from tms_console.ui.parts import Answer, Card, Fact, Finding, button, fill, set_state, words
from tms_console.ui.scrolling import Scrolled, breakable
from tms_console.ui.theme import SPACE

SIDE_PX = 372


class AfterPart(QWidget):
    """A session that has ended."""

    signed = Signal(str, str)
    closed = Signal(str)
    resume_pressed = Signal()
    done_pressed = Signal()
    event_entered = Signal(object, object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.screen_now: AfterScreen | None = None
        self._correcting: RecordedEvent | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        area = Scrolled("How the session went")
        self.result_card = Card("Delivered against planned")
        self.headline = words("", "big")
        self._loud = QVBoxLayout()
        self._sentences = QVBoxLayout()
        self.plots = DosePlots(bridge)
        self._facts = QVBoxLayout()
        self._facts.setSpacing(0)
        self.result_card.add(self.headline)
        self.result_card.body.addLayout(self._loud)
        self.result_card.body.addLayout(self._sentences)
        self.result_card.add(self.plots)
        self.result_card.body.addLayout(self._facts)
        self.borne_card = Card("How it was borne")
        self._borne = QVBoxLayout()
        self._events = QVBoxLayout()
        self.form = EventForm()
        self.event_answer = Answer()
        self.add_button = button("Add an adverse event", self._add)
        self.save_button = button("Put on record", self._save, "primary")
        self.leave_button = button("Cancel", self._leave)
        self.borne_card.body.addLayout(self._borne)
        self.borne_card.body.addLayout(self._events)
        self.borne_card.add(self.form, self.event_answer)
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button)
        buttons.addStretch(1)
        buttons.addWidget(self.leave_button)
        buttons.addWidget(self.save_button)
        self.borne_card.body.addLayout(buttons)
        area.column.addWidget(self.result_card)
        area.column.addWidget(self.borne_card)
        area.column.addStretch(1)
        row.addWidget(area, 1)
        row.addWidget(self._side())
        self._leave()

    def _side(self) -> QWidget:
        side = Scrolled("What is to be done")
        side.setFixedWidth(SIDE_PX)
        self.early_card = Card("It ended early")
        self.resume_button = button("Go on with it today", self.resume_pressed.emit, "primary")
        self.reason = QLineEdit()
        self.reason.setAccessibleName("Why nobody goes on with it")
        self.reason.setPlaceholderText("Why nobody goes on with it")
        self.reason.setMaxLength(500)
        self.close_button = button("Close it with this reason", self._close)
        self.early_told = words("")
        self.early_answer = Answer()
        self.early_card.add(
            self.early_told,
            self.resume_button,
            self.reason,
            self.close_button,
            self.early_answer,
        )
        self.sign_card = Card("Sign")
        self.meaning = words("\u201cI delivered this session\u201d", "strong")
        self.content = words("", "small")
        self.login_name, self.password = QLineEdit(), QLineEdit()
        self.login_name.setPlaceholderText("Your login name")
        self.login_name.setAccessibleName("Your login name")
        self.password.setPlaceholderText("Password")
        self.password.setAccessibleName("Password")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.returnPressed.connect(self._sign)
        self.sign_button = button("Sign", self._sign, "primary")
        self.answer = Answer()
        self.sign_card.add(
            self.meaning,
            self.content,
            self.login_name,
        )
        row = QHBoxLayout()
        row.addWidget(self.password, 1)
        row.addWidget(self.sign_button)
        self.sign_card.body.addLayout(row)
        self.sign_card.add(self.answer)
        self.next_card = Card("Next")
        self.next_due = words("", "strong")
        self.done_button = button("Done", self.done_pressed.emit)
        self.next_card.add(self.next_due, self.done_button)
        for card in (self.early_card, self.sign_card, self.next_card):
            side.column.addWidget(card)
        side.column.addStretch(1)
        return side

    # What is shown

    def show_screen(self, screen: AfterScreen) -> None:
        """Show this in place of the last."""
        if self.screen_now is None or self.screen_now.session_uid != screen.session_uid:
            self.forget_typed()
        self.screen_now = screen
        self.headline.setText(screen.headline)
        set_state(self.headline, screen.state)
        fill(self._sentences, [words(one) for one in screen.sentences])
        self.plots.show_strips((screen.strip,))
        fill(self._facts, [Fact(*one) for one in screen.facts])
        told = [words(f"Comfort {screen.comfort}", "strong")] if screen.comfort else []
        told += [words(breakable(one), "small") for one in screen.told]
        fill(self._borne, told or [words("Nothing was noted in it.", "muted")])
        fill(self._events, [self._event(one) for one in screen.events])
        self._show_early(screen)
        self._show_signature(screen)
        self.next_due.setText(screen.next_due)
        self.done_button.setText("Done" if screen.settled else "Later")

    def show_loud(self, sentences: tuple[str, ...]) -> None:
        """Say what went wrong outside of the record: a process that died, an unsaved part."""
        fill(self._loud, [Finding(one, "bad") for one in sentences if one])

    def _event(self, one: RecordedEvent) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(Finding(str(one.event), "bad" if one.event.grave else "warn", one.by), 1)
        row.addWidget(
            button("Complete", partial(self._correct, one), "", f"Complete {one.event.what}")
        )
        return made

    def _show_early(self, screen: AfterScreen) -> None:
        self.early_card.setVisible(screen.early)
        if screen.closed:
            told = f"Closed: {screen.closed}"
        elif screen.may_resume:
            told = (
                "Going on is allowed today, under the prescription's rules; the gate asks again. "
                "Closing keeps what was given as the whole session."
            )
        elif screen.held:
            told = "Nobody goes on while the patient is on hold: close it with a reason."
        else:
            told = "Another session goes on from it, or its end is not on record."
        self.early_told.setText(told)
        self.resume_button.setVisible(screen.may_resume)
        for one in (self.reason, self.close_button):
            one.setVisible(screen.may_close)

    def _show_signature(self, screen: AfterScreen) -> None:
        own = screen.delivered_by in ("", self._bridge.user_uid)
        may = not screen.signed and bool(screen.digest) and own
        login = self._bridge.login
        for one in (self.password, self.sign_button):
            one.setVisible(may)
        self.login_name.setVisible(may and login is not None and not login.signed_before)
        self.sign_button.setEnabled(True)
        digest = screen.digest
        unsigned = "" if own else "Who delivered it signs it, and nobody in their place. "
        self.content.setText(
            screen.signed
            or unsigned + (f"Of the record {digest[:4]}\u2026{digest[-4:]}" if digest else "")
        )

    def tell(self, sentence: str) -> None:
        """Say what went wrong, beside the signature; nothing was signed."""
        self.answer.say(sentence)
        self.sign_button.setEnabled(True)
        self.password.clear()

    def tell_early(self, sentence: str) -> None:
        """Say why it was not closed, beside it."""
        self.early_answer.say(sentence)
        self.close_button.setEnabled(True)

    def tell_event(self, sentence: str) -> None:
        """Say what is wrong with the event, beside it; nothing was put on record."""
        self.event_answer.say(sentence)
        self.save_button.setEnabled(True)

    # What is pressed

    def _sign(self) -> None:
        if self.sign_button.isEnabled():
            self.sign_button.setEnabled(False)
            self.answer.say("Signing ...", "muted")
            self.signed.emit(self.password.text(), self.login_name.text())

    def forget_typed(self) -> None:
        """Forget everything that was typed: it was of another session, or by another person."""
        self.forget_password()
        self.login_name.clear()
        self.reason.clear()
        self.close_button.setEnabled(True)
        self._leave()

    def forget_password(self) -> None:
        """Clear what was typed, after it was used."""
        self.password.clear()
        self.answer.say("")

    def _close(self) -> None:
        self.close_button.setEnabled(False)  # once: each press would be a note on record
        self.closed.emit(self.reason.text())

    def _add(self) -> None:
        self._correcting = None
        self._enter(EventEntry(What.HEADACHE, MILD))

    def _correct(self, one: RecordedEvent) -> None:
        self._correcting = one
        self._enter(EventEntry.of(one.event))

    def _enter(self, entry: EventEntry) -> None:
        self.form.show_entry(entry)
        self._show_form(shown=True)
        self.form.what.setFocus()

    def _leave(self) -> None:
        self._show_form(shown=False)

    def _show_form(self, *, shown: bool) -> None:
        for one in (self.form, self.save_button, self.leave_button):
            one.setVisible(shown)
        self.add_button.setVisible(not shown)
        self.event_answer.say("")
        self.save_button.setEnabled(True)

    def _save(self) -> None:
        self.save_button.setEnabled(False)
        self.event_entered.emit(self.form.entry(), self._correcting)

    def event_saved(self) -> None:
        """The event is on record."""
        self._leave()
