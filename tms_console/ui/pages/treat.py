"""Treat: before, during and after a session of the chosen patient.

It asks for screens (`treat_reading`) and passes on what was pressed; the delivering process
delivers, and its gate decides.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from tms_console.accounts.roles import Permission
from tms_console.delivery.order import SessionOrder
from tms_console.delivery.preview import sign_order
from tms_console.screens.device import driver_name
from tms_console.screens.treat import COIL, Asked, BeforeScreen, NothingToGive, before_screen
from tms_console.screens.treat_after import AfterScreen, LeftOpen
from tms_console.screens.treat_during import running
from tms_console.ui.bridge import Bridge
from tms_console.ui.delivering_page import DeliveringPage
from tms_console.ui.link import SessionView
from tms_console.ui.running_session import RunningSession
from tms_console.ui.treat_after import AfterPart
from tms_console.ui.treat_before import BeforePart
from tms_console.ui.treat_during import DuringPart
from tms_console.ui.treat_filling import FillingIn
from tms_console.ui.treat_left_over import LeftOver, said_loudly
from tms_console.ui.treat_reading import Known, Screen, read_screen
from tms_console.ui.treat_settling import Settling

REHEARSES = ("Go to QA", "qa")
SEARCHES = ("Go to Threshold", "threshold")


class TreatPage(DeliveringPage):
    """The page that matters."""

    name = "treat"
    title = "Treat"
    icon = "treat"
    needs = (Permission.DELIVER_SESSION,)
    before: BeforePart
    during: DuringPart
    after: AfterPart

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self.column.setContentsMargins(16, 12, 16, 12)
        self._asked: Asked | None = None
        self._aside: set[str] = set()
        self._settled = False
        self.before = BeforePart(bridge)
        self.filling = FillingIn(bridge, self)
        self.form, self.threshold = self.filling.form, self.filling.threshold
        self.session = RunningSession(bridge, self)
        self.during = self.session.part
        self.settling = Settling(bridge, self.session, self)
        self.after, self.seizure = self.settling.after, self.settling.seizure
        self.left_over = LeftOver(bridge, self)
        self._join(self.before, self.during, self.after, self.form, self.threshold, self.seizure)
        self.before.chosen.connect(self.choose_prescription)
        self.before.new_pressed.connect(self.begin_anew)
        self.before.today_chosen.connect(self.choose_today)
        self.filling.opened.connect(self._show)
        self.filling.done.connect(self.leave_form)
        self.session.seizure_began.connect(self.show_seizure)
        self.settling.card_left.connect(self.leave_seizure)
        self.after.resume_pressed.connect(self.resume_early)
        self.after.done_pressed.connect(self.put_aside)

    # What is shown

    def entered(self) -> None:
        """Show the running session, or read what is to be done."""
        self._shown = True
        if self._user != self.bridge.user_uid:
            self._forget_person()
        if self.session.of is not None and self.bridge.link.treating:
            self.bridge.set_patient(self.session.of.patient_uid)
            if self.stack.currentWidget() is not self.seizure:
                self._show(self.during)
            self.session.show(shown=True)
            return
        if self.session.of is not None and self.stack.currentWidget() is self.seizure:
            self.bridge.set_patient(self.session.of.patient_uid)
        elif self._filling and self.filling.still_wanted:
            pass  # what was typed stays
        else:
            self._show_whose_ended()
            self._enter()
        self._again.start()

    @property
    def _filling(self) -> bool:
        return self.stack.currentWidget() in (self.form, self.threshold)

    def _forget_person(self) -> None:
        """Keep nothing that whoever was logged in before had typed, ticked or chosen."""
        self._user = self.bridge.user_uid
        self._asked, self._after_uid = None, ""
        self.before.show_refusal("", ())
        self.after.forget_typed()

    def left(self) -> None:
        """Stop what costs time; a running session goes on."""
        super().left()
        self.session.show(shown=False)
        self.after.forget_password()

    @Slot()
    def show_theme(self) -> None:
        """Take the colours of another theme."""
        self.during.show_theme(self.bridge.tokens)

    def _forget_patient(self) -> None:
        self._asked = None

    def _tell_reading(self) -> None:
        if self.stack.currentWidget() is not self.seizure:
            super()._tell_reading()

    @Slot()
    def look(self) -> None:
        """Read what is to be done for the chosen patient."""
        uid, login = self.bridge.patient_uid, self.bridge.login
        if self.bridge.link.running or login is None:
            if login is not None and not self.bridge.link.treating:
                order = self.bridge.link.view.order
                searching = order is not None and order.kind == "threshold"
                title, where = (
                    ("A threshold is looked for", SEARCHES)
                    if searching
                    else ("A rehearsal is running", REHEARSES)
                )
                self._tell(title, "Nobody is treated meanwhile.", where)
            return
        if not uid:
            self._tell(
                "Nobody is chosen", "Choose a patient first.", ("Go to Patients", "patients")
            )
            return
        if self._asked is None or self._asked.patient_uid != uid:
            self._asked = Asked(uid, "", simulated=False)
        device = self.bridge.device
        driver = driver_name(device.order)
        stated = self._asked.coil_stated and self._asked.device == device.name
        self._asked = replace(
            self._asked,
            device=device.name,
            simulated=device.simulated,
            driver=driver,
            coil_stated=stated,
        )
        self._number += 1
        self.bridge.read(
            self,
            partial(read_screen, self.bridge.station, login, self._asked, self._known()),
            partial(self._show_screen, self._number),
            self._tell_unreadable,
        )

    def _known(self) -> Known:
        return Known(self._after_uid, self._aside, self._settled)

    def _show_screen(self, number: int, screen: Screen) -> None:
        if not self._taken(number):
            return
        match screen:
            case LeftOpen():
                if not self.bridge.link.disarming:  # one at a time at the port; it says when
                    self._settle()
            case NothingToGive():
                self._tell(screen.title, screen.sentence, (screen.action, screen.page))
            case AfterScreen():
                self._after_uid = screen.session_uid
                self.after.show_screen(screen)
                self.after.show_loud(self._loud)
                self._show(self.after)
            case BeforeScreen():
                self.before.show_screen(screen)
                self._read_for = self._reading_for
                self._show(self.before)

    def _settle(self) -> None:
        """A session was left open on record: bring it to an honest end, once, then look again."""
        self._settled = True
        self.left_over.settle(self._settled_now)

    def _settled_now(self, sentences: tuple[str, ...]) -> None:
        self._loud = (*self._loud, *sentences)
        self.look()

    # Before

    @Slot(str)
    def open_item(self, what: str) -> None:
        """Open what an item of the list asks for."""
        screen, asked = self.before.screen_now, self._asked
        if screen is None or asked is None:
            return
        if self.filling.open(what, screen):
            return
        if what == "pre-step":
            self._asked = replace(asked, pre_step_done=True)
            self.look()
        elif what == COIL:
            self._asked = replace(asked, coil_stated=True)
            self.look()
        else:
            self.bridge.go(what)

    @Slot()
    def leave_form(self) -> None:
        """Show the list again."""
        self._show(self.before)
        self.look()

    @Slot(str)
    def choose_prescription(self, uid: str) -> None:
        """Show another prescription of the patient."""
        if self._asked is not None:
            self._asked = replace(
                self._asked,
                prescription_uid=uid,
                pre_step_done=False,
                coil_stated=False,
                today_pct_mt=None,
            )
            self.look()

    @Slot(object)
    def choose_today(self, pct_mt: tuple[Fraction, ...]) -> None:
        """Show the dose at today's percentages."""
        if self._asked is not None:
            self._asked = replace(self._asked, today_pct_mt=pct_mt)
            self.look()

    @Slot()
    def begin_anew(self) -> None:
        """Do not go on with the earlier session."""
        if self._asked is not None:
            self._aside.add(self._asked.resumes_uid or "")
            self._asked = replace(self._asked, resumes_uid=None)
            self._after_uid = ""
            self.look()

    @Slot()
    def prepare(self) -> None:
        """First step: look at everything once more, then ask who is in the chair."""
        login, asked = self.bridge.login, self._asked
        if login is None or asked is None:
            return
        station, self._number = self.bridge.station, self._number + 1
        self.beginning.prepare(
            lambda trusted, _wall: before_screen(trusted, station, login.enrolment, asked),
            partial(self._prepared, self._number),
        )

    def _prepared(self, number: int, screen: BeforeScreen | NothingToGive) -> bool:
        self._show_screen(number, screen)
        return self._taken(number) and self.stack.currentWidget() is self.before

    @Slot()
    def start(self) -> None:
        """Second step: sign the order for exactly what is shown, and hand it over."""
        screen = self.before.screen_now
        if screen is not None and screen.shown.dose.session is not None:
            self.beginning.start(
                screen.patient_uid,
                lambda station, login, challenge, device: sign_order(
                    station, login, screen.shown, challenge, device
                ),
                partial(self._begin, screen),
            )

    def _begin(self, screen: BeforeScreen, order: SessionOrder) -> SessionOrder:
        content, policy = screen.shown.dose.session, screen.shown.policy
        if content is not None:
            self.session.begin(
                running(
                    screen.patient_uid,
                    screen.name,
                    (screen.title, screen.session_words),
                    content,
                    screen.doses,
                ),
                None if policy is None else policy.zone,
            )
        self._after_uid, self._loud, self._settled = "", (), False
        self.left_over.begin()
        return order

    # During

    @Slot(object)
    def show_session(self, view: SessionView) -> None:
        """Follow a session of treatment, whatever page is in view."""
        if view.order is None or view.order.kind != "treatment" or self.session.of is None:
            if not view.running and self.stack.currentWidget() is self.message:
                self.look_if_shown()  # a rehearsal was in the way
            return
        if view.running:
            if self._ended is not view.order and self.stack.currentWidget() is not self.seizure:
                self._show(self.during)
            self.session.show_view(view, shown=self._shown)
            return
        self.left_over.put_late(view)
        if self._ended is not view.order:
            self._ended = view.order
            self._over(view)
        elif view.lost != self._loud[: len(view.lost)]:
            self._loud = view.lost
            self.after.show_loud(self._loud)
            self.look_if_shown()  # it was disarmed: now the record can be settled

    def _over(self, view: SessionView) -> None:
        """A session ended, or never began: show what came of it."""
        self.session.end()
        over, self._asked = view.over, self._asked
        uid = view.session_uid or ("" if over is None else over.session_uid)
        self._loud = (*said_loudly(view), *self.session.left_typed())
        if self._asked is not None:
            self._asked = replace(
                self._asked,
                resumes_uid=None,
                pre_step_done=False,
                coil_stated=False,
                today_pct_mt=None,
            )
        self._after_uid = uid
        if self.session.of is not None:
            self._ended_for(self.session.of.patient_uid)
        if not uid and over is not None:
            self.before.show_refusal(over.reason, over.checks, over.found)
        if self.stack.currentWidget() is not self.seizure:
            self._tell("The session is over", "Reading the record ...")
        if self._shown:
            self._again.start()
            if self.stack.currentWidget() is not self.seizure:
                self.look()

    # The seizure card

    @Slot()
    def show_seizure(self) -> None:
        """Open the guided card; the session was stopped already."""
        self.settling.begin_seizure()
        self._show(self.seizure)
        self.bridge.link.view_changed.emit(self.bridge.link.view)  # the frame shows its STOP

    @Slot()
    def leave_seizure(self) -> None:
        """Show what came of the session, after the card."""
        if self.bridge.link.running:
            self._show(self.during)
            return
        self._tell("The session is over", "Reading the record ...")
        self.look()

    # After

    @Slot()
    def resume_early(self) -> None:
        """Prepare to go on with a session that ended early."""
        screen = self.after.screen_now
        if screen is not None and self._asked is not None:
            self._asked = replace(self._asked, resumes_uid=screen.session_uid)
            self._after_uid = ""
            self.look()

    @Slot()
    def put_aside(self) -> None:
        """Go on to what is next for the patient."""
        screen = self.after.screen_now
        if screen is not None:
            self._aside.add(screen.session_uid)
        self._after_uid, self._loud = "", ()
        self.bridge.link.forget()
        self.look()
