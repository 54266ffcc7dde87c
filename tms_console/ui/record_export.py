"""Exporting sessions from the window: which ones, where to, with or without patients' names.

What is in an export, and that it goes on record, is the clinic's own affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from protocols.canonical import ContentError
from tms_console.accounts.roles import Permission
from tms_console.clinic.exporting import Exported, export_sessions, sessions_of
from tms_console.screens.typed_path import typed_path
from tms_console.ui.bridge import Bridge
from tms_console.ui.long_work import LongWork, Step
from tms_console.ui.parts import Card, Finding, button, fill, words
from tms_console.ui.theme import SPACE


class RecordExport(QWidget):
    """A form for an export of sessions, and what came of it."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._chosen = ""
        self._listed: tuple[str, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.progress = LongWork(bridge)
        self.progress.busy_changed.connect(self._look)
        column.addWidget(self.progress)
        card = Card("Export")
        card.add(
            words(
                "Sessions with every pulse, event and answer of the gate, who approved and "
                "ordered each, and digests, as tables that are read without this program. The "
                "export itself goes on record.",
                "muted",
            )
        )
        self.one, self.listed, self.patients = QRadioButton(), QRadioButton(), QRadioButton()
        self._which = QButtonGroup(self)
        for choice in (self.one, self.listed, self.patients):
            self._which.addButton(choice)
            card.add(choice)
            choice.toggled.connect(self._look)
        self.named = QCheckBox("With patients' names, birth dates and record numbers")
        self.named.setAccessibleName(self.named.text())
        self.target = QLineEdit()
        self.target.setAccessibleName("New folder or .zip file for the export")
        self.start = button("Export", self.start_export, "primary")
        card.add(
            self.named,
            words("Into this new folder, or a new file that ends in .zip:", "muted"),
            self.target,
            self.start,
        )
        self.outcome = QVBoxLayout()
        card.body.addLayout(self.outcome)
        card.body.addStretch(1)
        column.addWidget(card, 1)
        self._name_choices()

    def open(self, chosen: str, listed: Sequence[str]) -> None:
        """Offer the session that is chosen in the list, those in the list, those of the patient.

        Args:
            chosen: Uid of the session that is chosen, "" for none.
            listed: Uids of all that the filter leaves.
        """
        self._chosen, self._listed = chosen, tuple(listed)
        self._name_choices()
        reads = self._bridge.may(Permission.READ_PATIENTS)
        self.one.setEnabled(bool(chosen))
        self.listed.setEnabled(bool(listed))
        self.patients.setEnabled(reads and bool(self._bridge.patient_uid))
        self.patients.setVisible(reads)
        self.named.setVisible(reads)
        self.named.setChecked(False)
        if not any(c.isChecked() and c.isEnabled() for c in (self.one, self.listed, self.patients)):
            (self.one if chosen else self.listed).setChecked(True)
        if not self.target.text().strip():
            self.target.setText(str(self._proposed()))
        self._look()

    def _name_choices(self) -> None:
        for choice, text in (
            (self.one, "The session that is chosen in the list"),
            (self.listed, f"All {len(self._listed):,} sessions that the list shows"),
            (self.patients, "All sessions of the patient who is chosen on Patients"),
        ):
            choice.setText(text)
            choice.setAccessibleName(text)

    def _proposed(self) -> Path:
        name = f"sessions-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
        return self._bridge.station.database.path.parent / "exports" / name

    @Slot()
    def _look(self, _on: bool = False) -> None:
        choice = self._which.checkedButton()
        can = choice is not None and choice.isEnabled() and bool(self.target.text().strip())
        may = self._bridge.may(Permission.READ_SESSIONS)
        self.start.setEnabled(can and may and not self.progress.busy)

    @Slot()
    def start_export(self) -> None:
        """Export what is chosen."""
        station, login = self._bridge.station, self._bridge.login
        if login is None:
            return
        login.touch()
        try:
            target = typed_path(self.target.text(), str(self._proposed()))
        except ContentError as error:
            self.show_failure(f"{error}.")
            return
        named = self.named.isVisible() and self.named.isChecked()
        patient_uid = self._bridge.patient_uid if self.patients.isChecked() else ""
        uids = (self._chosen,) if self.one.isChecked() else self._listed

        def work(step: Step) -> Exported:
            wanted = uids
            if patient_uid:
                with station.trusting() as trusted:
                    wanted = sessions_of(trusted, patient_uid)
            return export_sessions(station, login, wanted, target, named=named, progress=step)

        self.progress.start("Exporting ...", work, self.show_exported, self.show_failure)

    def show_exported(self, done: Exported) -> None:
        """Say where the export is and what stands for it."""
        number = "1 session" if done.sessions == 1 else f"{done.sessions:,} sessions"
        simulated = f"; {done.simulated:,} SIMULATED" if done.simulated else ""
        text = f"{number}{simulated}, {done.files:,} files, at {done.path}."
        source = f"SHA-256 of its manifest, on record: {done.manifest_sha256[:16]}"
        fill(self.outcome, [Finding(text, "good", source)])
        self.target.setText(str(self._proposed()))
        self._bridge.record_changed.emit()

    def show_failure(self, why: str) -> None:
        """Say that there is no export, and that the record is untouched."""
        fill(self.outcome, [Finding(f"Nothing was exported. {why}", "bad")])
