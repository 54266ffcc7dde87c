"""Verifying the record and backing it up: long work that shows how far it is and can be cancelled.

What is checked, and what a backup is, is the records' own affair.
"""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from protocols.canonical import ContentError
from tms_console.accounts.roles import Permission
from tms_console.accounts.verification import verify_accounts
from tms_console.records.backup import Copy, back_up
from tms_console.records.verify import verify
from tms_console.screens.integrity import Verified
from tms_console.screens.records import CheckScreen, check_screen
from tms_console.screens.typed_path import typed_path
from tms_console.ui.bridge import Bridge
from tms_console.ui.integrity_line import IntegrityLine
from tms_console.ui.long_work import LongWork, Step
from tms_console.ui.parts import Card, Finding, button, fill, words
from tms_console.ui.theme import SPACE


class RecordChecks(QWidget):
    """Two cards: is the record as it was written, and is there a copy of it."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        self.progress = LongWork(bridge)
        self.cancel = self.progress.cancel
        column.addWidget(self.progress)
        self.integrity = IntegrityLine(bridge.daily_check, self, always=True)
        column.addWidget(self.integrity)
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._check(), 3)
        row.addWidget(self._backup(), 2)
        column.addLayout(row, 1)
        self.progress.busy_changed.connect(self._show_busy)
        self._show_busy()

    def _check(self) -> Card:
        card = Card("Verification")
        card.add(
            words(
                "Every session, train, pulse, event, audit row and signature is compared with what "
                "was written. Nothing is changed; sessions may run meanwhile.",
                "muted",
            )
        )
        self.verify = button("Verify the record", self.start_check, "primary")
        self.answer = QVBoxLayout()
        card.add(self.verify)
        card.body.addLayout(self.answer)
        card.body.addStretch(1)
        return card

    def _backup(self) -> Card:
        card = Card("Backup")
        self.due = words("", "muted")
        self.folder = QLineEdit(str(self._bridge.station.database.path.parent / "backups"))
        self.folder.setAccessibleName("Folder for the backup")
        self.copy = button("Make a backup", self.start_backup)
        self.copied = QVBoxLayout()
        card.add(
            self.due,
            words("Into this folder, best on another disk than the record:", "muted"),
            self.folder,
            self.copy,
        )
        card.body.addLayout(self.copied)
        card.body.addStretch(1)
        return card

    def show_due(self, sentence: str, *, due: bool) -> None:
        """Say when the last backup was made; offer one if it is due."""
        self.due.setText(sentence)
        self.copy.setProperty("kind", "primary" if due else "")
        self._show_busy(self.progress.busy)

    # Long work

    @Slot()
    def start_check(self) -> None:
        """Compare the whole record with what was written."""
        station = self._bridge.station
        path, anchor = station.database.path, station.anchor.public

        def work(step: Step) -> CheckScreen:
            return check_screen(verify(path, step), verify_accounts(path, anchor))

        self.progress.start("Verifying the record ...", work, self.show_check, self._check_failed)

    @Slot()
    def start_backup(self) -> None:
        """Copy the record, verify the copy, and enter it in the audit chain."""
        station = self._bridge.station
        try:
            example = str(station.database.path.parent / "backups")
            folder = typed_path(self.folder.text(), example)
        except ContentError as error:
            self._copy_failed(f"{error}.")
            return
        name = f"{station.database.path.stem}-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.db"

        def work(step: Step) -> Copy:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return back_up(station.database.path, folder / name, progress=step, wall=station.wall)

        self.progress.start("Copying and verifying ...", work, self.show_copy, self._copy_failed)

    @Slot(bool)
    def _show_busy(self, busy: bool = False) -> None:
        self.verify.setEnabled(not busy and self._bridge.may(Permission.VERIFY_RECORDS))
        self.copy.setEnabled(not busy and self._bridge.may(Permission.MAKE_BACKUP))

    # What came of it

    def show_check(self, screen: CheckScreen) -> None:
        """Show what a verification says."""
        told = [Finding(screen.headline, screen.state)]
        told += [Finding(sentence, "bad", row) for row, sentence in screen.findings]
        told += [Finding(note, "note") for note in screen.notes]
        fill(self.answer, [*told, words(screen.reach, "small")])
        verified = Verified(self._bridge.station.wall(), screen.headline, screen.state != "bad")
        self._bridge.daily_check.take_verified(verified)
        if not verified.sound:
            self._bridge.problem.emit(
                "The record is not as it was written: treat nobody from it, keep the file as it "
                "is, and call who is responsible for QA."
            )

    def show_copy(self, copy: Copy) -> None:
        """Say where the copy is."""
        size = f"{copy.size_bytes / 1e6:.1f} MB, SHA-256 {copy.sha256[:16]}"
        fill(self.copied, [Finding(f"A verified copy is at {copy.path}.", "good", size)])
        self._bridge.record_changed.emit()

    def _check_failed(self, why: str) -> None:
        text = f"The record was not verified. {why} Nothing was changed; start it again."
        fill(self.answer, [Finding(text, "warn")])

    def _copy_failed(self, why: str) -> None:
        text = f"There is no new backup. {why} The record itself is untouched."
        fill(self.copied, [Finding(text, "bad")])
