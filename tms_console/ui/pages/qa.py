"""QA: a run on a simulated stimulator with named faults, what was expected and what was seen.

Runs go into the rehearsals' own database through the delivering process; nothing here can reach a
port.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from tms_console.accounts.login import Login
from tms_console.accounts.roles import Permission
from tms_console.delivery import pipe
from tms_console.screens.device import rehearsal_database
from tms_console.screens.qa import (
    Check,
    PlannedRun,
    QaRefused,
    QaRequest,
    QaResult,
    options,
    plan,
    result_of,
)
from tms_console.screens.qa_report import SavedReport, save_report
from tms_console.ui.bridge import Bridge
from tms_console.ui.link import SessionView
from tms_console.ui.page import Page
from tms_console.ui.parts import Card, Fact, Finding, button, clear, set_state, spin_box, words
from tms_console.ui.scrolling import Scrolled, WordTable, breakable
from tms_console.ui.theme import SPACE

FORM_PX = 356


class QaPage(Page):
    """The form on the left, the comparison on the right."""

    name = "qa"
    title = "QA"
    icon = "qa"
    needs = (Permission.REHEARSE,)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self._run: PlannedRun | None = None
        self.result: QaResult | None = None
        self.report: SavedReport | None = None
        self._faults: list[str] = []
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._form())
        row.addWidget(self._answer(), 1)
        self.column.addLayout(row, 1)
        bridge.link.view_changed.connect(self._session)

    def _form(self) -> QWidget:
        area = Scrolled("What is run")
        area.setFixedWidth(FORM_PX)
        card = Card("Run on the simulated stimulator")
        offered = options()
        self.protocol, self.device, self.fault = QComboBox(), QComboBox(), QComboBox()
        for box, lines, name in (
            (self.protocol, offered.protocols, "Protocol"),
            (self.device, offered.devices, "Simulated stimulator"),
            (self.fault, offered.faults, "Fault"),
        ):
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(10)
            for key, text in lines:
                box.addItem(text, key)
        self.threshold = spin_box("Threshold, %MSO", 1, 100, 45, "%MSO")
        self.seed = spin_box("Seed", 0, 999_999_999, 1)
        self.pulse = spin_box("At pulse", 1, 1_000_000, 20)
        self.virtual = QCheckBox("Virtual clock (a session in seconds)")
        self.virtual.setAccessibleName("Virtual clock")
        self.virtual.setChecked(True)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, widget in (
            ("Protocol", self.protocol),
            ("Simulated stimulator", self.device),
            ("Threshold", self.threshold),
            ("Seed", self.seed),
        ):
            form.addRow(words(label, "small"), widget)
        card.body.addLayout(form)
        card.add(self.virtual, words("What goes wrong, and at which of its pulses", "small"))
        line = QHBoxLayout()
        self.fault.setMinimumContentsLength(6)
        line.addWidget(self.fault, 3)
        line.addWidget(self.pulse, 2)
        card.body.addLayout(line)
        card.add(button("Add this fault", self._add_fault))
        self._fault_list = QVBoxLayout()
        card.body.addLayout(self._fault_list)
        self.told = words("", "small", "bad")
        self.told.hide()
        self.run_button = button("Run", self._start, "primary")
        self.stop_button = button("Stop the run", self._stop)
        self.stop_button.hide()
        card.add(self.told, self.run_button, self.stop_button)
        area.column.addWidget(card)
        area.column.addStretch(1)
        return area

    def _answer(self) -> QWidget:
        area = Scrolled("Expected and seen")
        self.progress_card = Card("Running")
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Pulses so far")
        self.progress.setTextVisible(False)
        self.progress_words = words("", "muted")
        self.progress_card.add(self.progress_words, self.progress)
        self.empty = Card("Expected and seen")
        self.empty.add(
            words("Nothing was run yet.", "title"),
            words(
                "Choose a protocol and, if you like, faults. The run uses a stimulator that is "
                "built for it and writes into the rehearsals, never into the clinic's record.",
                "muted",
            ),
        )
        self.answer_card = Card("Expected and seen")
        self.verdict = words("", "big")
        self.because = words("", "muted")
        self.table = WordTable()
        self.answer_card.add(self.verdict, self.because, self.table)
        self.evidence_card = Card("Evidence")
        self._facts = QVBoxLayout()
        self.evidence_card.body.addLayout(self._facts)
        self.report_card = Card("Report")
        self.report_told = words("", "muted")
        self.report_button = button("Save the report", self._save)
        self.report_card.add(self.report_told, self.report_button)
        for card in (
            self.progress_card,
            self.empty,
            self.answer_card,
            self.evidence_card,
            self.report_card,
        ):
            area.column.addWidget(card)
            card.setVisible(card is self.empty)
        area.column.addStretch(1)
        return area

    def entered(self) -> None:
        """Show whether something can be run now."""
        self._show_running()

    # Faults

    def _add_fault(self) -> None:
        text = f"{self.fault.currentData()}@{self.pulse.value()}"
        if text not in self._faults:
            self._faults.append(text)
            self._show_faults()

    def _drop_fault(self, text: str) -> None:
        self._faults.remove(text)
        self._show_faults()
        self.fault.setFocus()

    def _show_faults(self) -> None:
        clear(self._fault_list)
        for text in self._faults:
            name, _, pulse = text.partition("@")
            told = f"{name.replace('_', ' ')} at pulse {pulse}"
            self._fault_list.addWidget(
                button(f"✕  {told}", partial(self._drop_fault, text), "row", f"Remove {told}")
            )

    # Running

    def _folder(self) -> Path:
        database = rehearsal_database(self.bridge.station.database.path)
        return database.with_name(f"{database.stem}-qa")

    def _start(self) -> None:
        if self.bridge.link.running:
            self._tell("A session is running; QA waits until it is over.")
            return
        request = QaRequest(
            protocol_id=str(self.protocol.currentData()),
            threshold_pct_mso=self.threshold.value(),
            device=str(self.device.currentData()),
            faults=tuple(self._faults),
            seed=self.seed.value(),
            virtual=self.virtual.isChecked(),
        )
        database, folder = rehearsal_database(self.bridge.station.database.path), self._folder()

        def prepare() -> PlannedRun:
            folder.mkdir(mode=0o700, exist_ok=True)
            return plan(request, database, folder)

        self.run_button.setEnabled(False)
        self._tell("")
        begin = partial(self._begin, self.bridge.login)
        self.bridge.worker.run(self, prepare, begin, self._refused)

    def _refused(self, error: Exception) -> None:
        told = f"{error}" if isinstance(error, QaRefused | OSError) else f"It failed: {error}"
        self._tell(f"It was not run: {told}")
        self._show_running()

    def _begin(self, login: Login | None, run: PlannedRun) -> None:
        if login is None or login is not self.bridge.login or login.locked:
            self._tell("Whoever pressed Run logged out or locked the screen; nothing was run.")
            self._show_running()
            return
        if self.bridge.link.running:  # something began while this was prepared
            self._tell("A session is running; QA waits until it is over.")
            return
        self._run, self.result, self.report = run, None, None
        for card in (self.empty, self.answer_card, self.evidence_card, self.report_card):
            card.hide()
        self.progress_card.show()
        self.progress.setRange(0, run.content.pulses)
        self.progress.setValue(0)
        self.progress_words.setText("Beginning ...")
        self.bridge.link.begin(run.order)

    def _stop(self) -> None:
        self.bridge.link.stop("the QA run was stopped")

    @Slot(object)
    def _session(self, view: SessionView) -> None:
        run = self._run
        mine = run is not None and view.order is run.order
        self._show_running(mine=mine and view.running)
        if run is None or not mine:
            return
        snapshot = view.snapshot
        if snapshot is not None and view.running:
            self.progress.setValue(snapshot.delivered + snapshot.unknown)
            self.progress_words.setText(
                f"{snapshot.state}: {snapshot.delivered:,} of {snapshot.planned:,} pulses, "
                f"train {snapshot.train} of {snapshot.trains}"
            )
        over = view.over
        if over is None and view.lost:
            over = pipe.Over(view.session_uid, None, " ".join(view.lost), (), False, 0)
        if not view.running and over is not None:
            self._run = None
            ended = over
            self.progress_words.setText("Reading the record and verifying it ...")
            self.bridge.worker.run(self, lambda: result_of(run, ended), self._seen, self._unread)

    def _show_running(self, *, mine: bool = False) -> None:
        running = self.bridge.link.running
        self.run_button.setEnabled(not running)
        self.run_button.setVisible(not mine)
        self.stop_button.setVisible(mine)

    def _unread(self, error: Exception) -> None:
        self.progress_card.hide()
        self.empty.show()
        self._tell(
            f"The run is over, and its record could not be read: {error}. The file was not "
            "changed; run it again, or check the file with `records verify`."
        )

    def _tell(self, sentence: str) -> None:
        self.told.setText(sentence)
        self.told.setVisible(bool(sentence))

    # What came of it

    def _seen(self, result: QaResult) -> None:
        self.result = result
        self.progress_card.hide()
        for card in (self.answer_card, self.evidence_card, self.report_card):
            card.show()
        passed = result.passed
        self.verdict.setText("● As expected" if passed else "✕ Not as expected")
        set_state(self.verdict, "good" if passed else "bad")
        self.because.setText(result.run.expected.why)
        rows = [_cells(one) for one in result.checks]
        self.table.show_rows(("What", "Expected", "Seen"), rows, (3, 5, 7))
        clear(self._facts)
        for label, value in _facts(result):
            self._facts.addWidget(Fact(label, value))
        verification = result.verification
        if verification is not None:
            self._facts.addWidget(
                Finding(verification.reach, "note", "What `records verify` covers")
            )
        self.report_told.setText("JSON and text, with versions, seed and a digest.")
        self.report_button.setEnabled(True)

    def _save(self) -> None:
        result, folder = self.result, self._folder()
        login = self.bridge.login
        if result is None or login is None:
            return
        by, at = login.enrolment.name, self.bridge.station.wall()
        self.report_button.setEnabled(False)
        self.bridge.worker.run(
            self, lambda: save_report(folder, result, by, at), self._saved, self._unsaved
        )

    def _saved(self, report: SavedReport) -> None:
        self.report = report
        self.report_told.setText(
            breakable(
                f"Saved: {report.json_path} and {report.text_path.name}. SHA-256 {report.digest}"
            )
        )

    def _unsaved(self, error: Exception) -> None:
        self.report_told.setText(f"The report was not saved: {error}. The record has the run.")
        self.report_button.setEnabled(True)


def _cells(one: Check) -> tuple[tuple[str, str, str], ...]:
    mark, state = ("●", "good") if one.agrees else ("✕", "bad")
    return (
        (f"{mark} {one.what}", "", state),
        (one.expected, "muted", ""),
        (one.seen, "", "" if one.agrees else "bad"),
    )


def _facts(result: QaResult) -> list[tuple[str, str]]:
    request, late = result.run.request, result.lateness_us
    facts = [
        ("Evidence", ", ".join(f"{name} {number:,}" for name, number in result.evidence) or "none"),
        ("Fired by the emulator", f"{result.fired:,}"),
        ("Host lateness, p50 / p99 / worst", "none"
         if late is None else f"{late[0]} / {late[1]} / {late[2]} µs"),
        ("Clock and seed", f"{'virtual' if request.virtual else 'real'}, seed {request.seed}"),
        ("Content", f"{result.run.order.digest[:16]}…"),
        ("Session", result.session_uid or "none"),
        ("Recorded in", Path(result.run.order.database).name),
    ]  # fmt: skip
    if result.verification is not None:
        told = result.verification
        facts.append(
            (
                "records verify",
                f"{'sound' if told.sound else f'{len(told.findings)} findings'}, "
                f"{told.sessions:,} sessions, {told.pulses:,} pulses, {told.audit_rows:,} rows",
            )
        )
    return facts
