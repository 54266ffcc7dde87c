"""Threshold: before, during and after a search for a motor threshold.

The page joins its parts to the record and to the delivering process.  What may be given the gate
says; a search that runs goes on whichever page is in view.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from protocols.finding_content import Aim
from protocols.screening import AnswerValue
from tms_console.accounts.roles import Permission
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.series import record_series
from tms_console.delivery.finding_order import sign_finding
from tms_console.delivery.order import SessionOrder
from tms_console.screens.finding import FindingAsked, FindingBefore, finding_before
from tms_console.screens.finding_after import FindingAfter, finding_after, left_out
from tms_console.screens.finding_during import Searching
from tms_console.screens.treat import FORMS
from tms_console.screens.treat_form import FormScreen, form_screen
from tms_console.ui.beginning import ANOTHER_PATIENT
from tms_console.ui.bridge import Bridge
from tms_console.ui.delivering_page import LOOK_AGAIN_MS, DeliveringPage
from tms_console.ui.finding_after import FindingAfterPart
from tms_console.ui.finding_before import FindingBeforePart
from tms_console.ui.finding_during import FindingDuring
from tms_console.ui.form_part import FormPart
from tms_console.ui.link import SessionView
from tms_console.ui.running_finding import RunningFinding
from tms_console.ui.treat_left_over import LeftOver, said_loudly

LOOK_SOON_MS = 1_000
"""While nothing but the shortest interval is waited for."""


class ThresholdPage(DeliveringPage):
    """One patient's search for a threshold."""

    name = "threshold"
    title = "Threshold"
    icon = "threshold"
    needs = (Permission.FIND_THRESHOLD,)
    before: FindingBeforePart
    during: FindingDuring
    after: FindingAfterPart

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._asked: FindingAsked | None = None
        self._left_out: tuple[str, ...] = ()
        self._form_of = ("", "")
        self.before = FindingBeforePart()
        self.form = FormPart()
        self.running = RunningFinding(bridge, self)
        self.during = self.running.part
        self.after = FindingAfterPart(bridge)
        self.left_over = LeftOver(bridge, self)
        self._join(self.before, self.during, self.after, self.form)
        bridge.series_wanted.connect(self.show_series)
        self.before.aim_chosen.connect(self.choose_aim)
        self.before.series_chosen.connect(self.show_series)
        self.form.filled_in.connect(self.save_form)
        self.form.cancelled.connect(self.leave_form)
        self.after.record_pressed.connect(self.record)
        self.after.done_pressed.connect(self.put_aside)
        self.after.treat_pressed.connect(partial(bridge.go, "treat"))

    # What is shown

    @property
    def finding(self) -> bool:
        """True while a search runs."""
        order = self.bridge.link.view.order
        return self.bridge.link.running and order is not None and order.kind == "threshold"

    def entered(self) -> None:
        """Show the running search, or read what is to be done."""
        self._shown = True
        if self._user != self.bridge.user_uid:  # nothing that somebody else chose stays
            self._user, self._asked, self._after_uid = self.bridge.user_uid, None, ""
            self.before.show_refusal("", ())
        if self.finding and self.running.of is not None:
            self.bridge.set_patient(self.running.of.patient_uid)
            self._show(self.during)
            self.running.show(shown=True)
            return
        self._show_whose_ended()
        self._enter()
        self._again.start()

    def left(self) -> None:
        """Stop what costs time; a running search goes on."""
        super().left()
        self.running.show(shown=False)

    @Slot()
    def show_theme(self) -> None:
        """Take the colours of another theme."""
        self.during.show_theme(self.bridge.tokens)
        self.after.show_theme(self.bridge.tokens)

    def _forget_patient(self) -> None:
        self._asked = None

    @Slot()
    def look(self) -> None:
        """Read what is to be done for the chosen patient."""
        uid, login = self.bridge.patient_uid, self.bridge.login
        if login is None:
            return
        if self.bridge.link.running:
            if not self.finding:
                self._tell("A session is running", "No threshold is looked for meanwhile.")
            return
        if not uid:
            self._tell(
                "Nobody is chosen", "Choose a patient first.", ("Go to Patients", "patients")
            )
            return
        device = self.bridge.device
        aim = None if self._asked is None or self._asked.patient_uid != uid else self._asked.aim
        asked = self._asked = FindingAsked(uid, device.name, device.simulated, aim)
        database, after_uid = self.bridge.station.database, self._after_uid
        self._number += 1

        def read(trusted, wall):  # type: ignore[no-untyped-def]
            if after_uid:
                return finding_after(trusted, database, wall, after_uid)
            return finding_before(trusted, database, wall, login.enrolment, asked)

        self.bridge.read(
            self,
            read,
            partial(self._show_screen, self._number),
            self._tell_unreadable,
        )

    def _show_screen(self, number: int, screen: FindingBefore | FindingAfter) -> None:
        if not self._taken(number):
            return
        if isinstance(screen, FindingAfter):
            if screen.patient_uid != self.bridge.patient_uid:
                return
            self.after.show_screen(screen, may_record=self.bridge.may(Permission.RECORD_THRESHOLD))
            self._left_out = self._not_on_record(screen)
            self.after.show_loud((*self._loud, *self._left_out))
            self._show(self.after)
            return
        self.before.show_screen(screen)
        self._read_for = self._reading_for
        self._show(self.before)
        soon = any(one.code == "interval" and one.refuses for one in screen.items)
        if self._shown:
            self._again.start(LOOK_SOON_MS if soon else LOOK_AGAIN_MS)

    def _not_on_record(self, screen: FindingAfter) -> tuple[str, ...]:
        """Return what was said in the search that ran here and the record has not."""
        running = self.running
        if screen.session_uid != running.session_uid:
            return ()
        return left_out(running.log, screen, accepted=running.accepted)

    # Before

    @Slot(str)
    def open_item(self, what: str) -> None:
        """Open what an item of the list asks for."""
        screen = self.before.screen_now
        if screen is None:
            return
        if what not in FORMS:
            self.bridge.go(what)
            return
        uid = screen.patient_uid
        self._form_of = (uid, self.bridge.user_uid)
        self.bridge.read(
            self,
            lambda trusted, _wall: form_screen(trusted, uid, what, ""),
            partial(self._show_form, uid),
        )

    def _show_form(self, patient_uid: str, screen: FormScreen) -> None:
        if patient_uid == self._form_of[0] and self._still_wanted:
            self.form.open(screen)
            self._show(self.form)

    @property
    def _still_wanted(self) -> bool:
        """True while who opened a form is logged in, with the same patient."""
        same = self._form_of == (self.bridge.patient_uid, self.bridge.user_uid)
        return same and not self.bridge.link.running

    @Slot(str, object)
    def save_form(self, form_id: str, answers: dict[str, AnswerValue]) -> None:
        """Put a form on record."""
        uid = self._form_of[0]
        if not self._still_wanted:
            self.form.tell(ANOTHER_PATIENT)
            return
        self.bridge.act(
            self,
            lambda station, login: fill_in(station, login, uid, Filling(form_id, answers)),
            lambda _uid: self.leave_form(),
            self.form.tell,
        )

    @Slot()
    def leave_form(self) -> None:
        """Show the list again."""
        self._show(self.before)
        self.look()

    @Slot(object)
    def choose_aim(self, aim: Aim) -> None:
        """Look for another threshold."""
        if self._asked is not None:
            self._asked = FindingAsked(
                self._asked.patient_uid, self._asked.device, self._asked.simulated, aim
            )
            self.look()

    @Slot(str)
    def show_series(self, session_uid: str) -> None:
        """Show a search that is on record; one that runs stays in view."""
        if self.bridge.link.running:
            return
        self._after_uid, self._loud = session_uid, ()
        self.look()

    @Slot()
    def prepare(self) -> None:
        """First step: look at everything once more, then ask who is in the chair."""
        login, asked = self.bridge.login, self._asked
        if login is None or asked is None:
            return
        database, self._number = self.bridge.station.database, self._number + 1
        self.beginning.prepare(
            lambda trusted, wall: finding_before(trusted, database, wall, login.enrolment, asked),
            partial(self._prepared, self._number),
        )

    def _prepared(self, number: int, screen: FindingBefore) -> bool:
        self._show_screen(number, screen)
        return self._taken(number) and self.stack.currentWidget() is self.before

    @Slot()
    def start(self) -> None:
        """Second step: sign the order for exactly what is shown, and hand it over."""
        screen = self.before.screen_now
        if screen is None or screen.shown.policy is None:
            return
        search = Searching(
            patient_uid=screen.patient_uid,
            name=screen.name,
            aim=screen.aim,
            policy=screen.shown.policy,
            method=self.before.chosen_method,
            last_value=screen.last_value if screen.comparable else None,
        )
        self.beginning.start(
            screen.patient_uid,
            lambda station, login, challenge, device: sign_finding(
                station, login, screen.shown, challenge, device
            ),
            partial(self._begin, search),
        )

    def _begin(self, search: Searching, order: SessionOrder) -> SessionOrder:
        self.running.begin(search)
        self._after_uid, self._loud = "", ()
        self.left_over.begin()
        return self.running.with_patient(order)

    # During

    @Slot(object)
    def show_session(self, view: SessionView) -> None:
        """Follow a search, whatever page is in view."""
        if view.order is None or view.order.kind != "threshold" or self.running.of is None:
            if not view.running and self.stack.currentWidget() is self.message:
                self.look_if_shown()  # another session was in the way
            return
        if view.running:
            if self._ended is not view.order:
                self._show(self.during)
            self.running.show_view(view, shown=self._shown)
            return
        self.left_over.put_late(view)
        if self._ended is not view.order:
            self._ended = view.order
            self._over(view)
        elif view.lost != self._loud[: len(view.lost)]:
            self._loud = view.lost
            self.after.show_loud((*self._loud, *self._left_out))
            self.look_if_shown()

    def _over(self, view: SessionView) -> None:
        """A search ended, or never began: record what was accepted, then show what came of it."""
        self.running.end()
        over = view.over
        uid = view.session_uid or ("" if over is None else over.session_uid)
        self._loud = said_loudly(view)
        self._after_uid = uid
        if self.running.of is not None:
            self._ended_for(self.running.of.patient_uid)
        if not uid and over is not None:
            self.before.show_refusal(over.reason, over.checks, over.found)
        self._tell("The search is over", "Reading the record ...")
        if view.lost:
            self.left_over.settle(self._settled)  # nobody closed it on record
        elif uid and self.running.accepted:
            self.record()
        elif self._shown:
            self.look()
        if self._shown:
            self._again.start()

    def _settled(self, sentences: tuple[str, ...]) -> None:
        self._loud = (*self._loud, *sentences)
        if self._shown:
            self.look()

    # After

    @Slot()
    def record(self) -> None:
        """Put the threshold of the series on record; who is logged in records it."""
        uid = self._after_uid
        self.bridge.act(
            self,
            lambda station, login: record_series(station, login, uid),
            lambda _uid: self.look_if_shown(),
            self._not_recorded,
        )

    def _not_recorded(self, sentence: str) -> None:
        self._loud = (*self._loud, f"This window put no threshold on record: {sentence}")
        self.look_if_shown()

    @Slot()
    def put_aside(self) -> None:
        """Go back to what is next for the patient."""
        self._after_uid, self._loud = "", ()
        self.bridge.link.forget()
        self.look()
