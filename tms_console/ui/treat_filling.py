"""What is filled in on the Treat page before a session: a check, a screening, a threshold.

It puts on record what was entered and says that it did; what follows is read anew.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from protocols.screening import AnswerValue
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.thresholds import record_threshold
from tms_console.screens.treat import FORMS, THRESHOLD, BeforeScreen
from tms_console.screens.treat_form import (
    FormScreen,
    ThresholdEntry,
    form_screen,
    threshold_entries,
)
from tms_console.ui.bridge import Bridge
from tms_console.ui.form_part import FormPart
from tms_console.ui.treat_threshold import ThresholdPart


class FillingIn(QObject):
    """The form and the threshold, of one patient at a time.

    Attributes:
        form: A check or a screening.
        threshold: A re-measured threshold.
    """

    opened = Signal(QWidget)
    done = Signal()

    def __init__(self, bridge: Bridge, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._patient_uid = ""
        self._user = ""
        self.form, self.threshold = FormPart(), ThresholdPart()
        self.form.filled_in.connect(self.save_form)
        self.form.cancelled.connect(self.done)
        self.threshold.measured.connect(self.save_threshold)
        self.threshold.cancelled.connect(self.done)
        self.threshold.search_pressed.connect(self.search)

    def open(self, what: str, screen: BeforeScreen) -> bool:
        """Open what an item asks for; return False if it is none of these."""
        self._patient_uid = uid = screen.patient_uid
        self._user = self._bridge.user_uid
        if what in FORMS:
            why = next((one.sentence for one in screen.items if one.code == what), "")
            self._bridge.read(
                self,
                lambda trusted, _wall: form_screen(trusted, uid, what, why),
                partial(self._show_form, uid),
            )
        elif what == THRESHOLD:
            self.threshold.open(threshold_entries(screen))
            self.opened.emit(self.threshold)
        else:
            return False
        return True

    @Slot()
    def search(self) -> None:
        """Find the threshold on the stimulator, on its own page."""
        self.done.emit()
        self._bridge.go("threshold")

    def _show_form(self, patient_uid: str, screen: FormScreen) -> None:
        if patient_uid == self._patient_uid and self.still_wanted:
            self.form.open(screen)
            self.opened.emit(self.form)

    @property
    def still_wanted(self) -> bool:
        """True while who opened it is logged in, with the same patient, and nobody is treated."""
        bridge = self._bridge
        same = (self._patient_uid, self._user) == (bridge.patient_uid, bridge.user_uid)
        return same and not bridge.link.running

    @Slot(str, object)
    def save_form(self, form_id: str, answers: dict[str, AnswerValue]) -> None:
        """Put a form on record."""
        uid = self._patient_uid
        self._bridge.act(
            self,
            lambda station, login: fill_in(station, login, uid, Filling(form_id, answers)),
            lambda _uid: self._saved(uid),
            self.form.tell,
        )

    @Slot(object, int)
    def save_threshold(self, entry: ThresholdEntry, value_pct_mso: int) -> None:
        """Put a re-measured threshold on record."""
        uid = self._patient_uid
        self._bridge.act(
            self,
            lambda station, login: record_threshold(
                station, login, entry.measurement(value_pct_mso, station.wall())
            ),
            lambda _uid: self._saved(uid),
            self.threshold.tell,
        )

    def _saved(self, patient_uid: str) -> None:
        if patient_uid == self._patient_uid and self.still_wanted:
            self.done.emit()
