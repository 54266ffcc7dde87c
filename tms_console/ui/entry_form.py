"""A form inside a page: fields with what is allowed beside them, and what is wrong below each.

It collects texts; what they mean and what is wrong with them is told by a screen.  Nothing that
was typed is lost by a mistake, a refusal or another look at the record.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tms_console.screens.entry import EntryField
from tms_console.screens.patient_forms import EntryScreen
from tms_console.ui.parts import Answer, Card, Finding, button, clear, fill, words
from tms_console.ui.scrolling import Scrolled
from tms_console.ui.theme import SPACE

BOX_PX = 66
LABEL_PX = 190
CHOOSE = "choose ..."
PHOTOGRAPHS = "Photographs (*.png *.jpg *.jpeg)"


class FieldRow:
    """One field with its hint and the place of its mistake."""

    def __init__(self, field: EntryField) -> None:
        self.name = field.name
        self.started = field.value
        self.mistake = Answer()
        self.more: QWidget | None = None
        self.widget: QLineEdit | QComboBox | QPlainTextEdit
        if field.choices:
            self.widget = _choices(field)
        elif field.long:
            self.widget = QPlainTextEdit(field.value)
            self.widget.setTabChangesFocus(True)
            self.widget.setFixedHeight(BOX_PX)
        else:
            self.widget = QLineEdit(field.value)
        self.widget.setAccessibleName(field.label)
        self.widget.setAccessibleDescription(field.hint)
        if field.file:
            self.more = button("Choose a file", self._choose_file, "", f"Choose: {field.label}")

    @property
    def text(self) -> str:
        """What stands in it."""
        if isinstance(self.widget, QComboBox):
            return str(self.widget.currentData())
        if isinstance(self.widget, QPlainTextEdit):
            return self.widget.toPlainText()
        return self.widget.text()

    def tell(self, sentence: str) -> None:
        """Say what is wrong with it, "" for nothing."""
        self.mistake.say(sentence)
        self.mistake.setAccessibleName(f"{self.widget.accessibleName()}: {sentence}")

    def _choose_file(self) -> None:
        dialog = QFileDialog(self.widget, "Choose a photograph", "", PHOTOGRAPHS)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if isinstance(self.widget, QLineEdit):
            dialog.fileSelected.connect(self.widget.setText)
        dialog.open()


class EntryForm(Card):
    """An `EntryScreen` to fill in."""

    save_pressed = Signal(object, object)
    """The screen, and the text of each field by its name."""
    cancel_pressed = Signal()

    def __init__(self) -> None:
        super().__init__("Entry")
        self.asked: EntryScreen | None = None
        self.rows: dict[str, FieldRow] = {}
        self.lead = QVBoxLayout()
        self.body.addLayout(self.lead)
        area = Scrolled("Fields of the entry")
        area.setProperty("inside", "card")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * SPACE)
        self._grid.setVerticalSpacing(SPACE // 2)
        self._grid.setColumnMinimumWidth(0, LABEL_PX)
        self._grid.setColumnStretch(1, 3)
        self._grid.setColumnStretch(2, 2)
        area.column.addLayout(self._grid)
        area.column.addStretch(1)
        self.area = area
        self.body.addWidget(area, 1)
        self.answers = QVBoxLayout()
        self.body.addLayout(self.answers)
        row = QHBoxLayout()
        row.addStretch(1)
        self.cancel = button("Cancel", self.cancel_pressed.emit, "quiet")
        self.save = button("Put on record", self._save, "primary")
        row.addWidget(self.cancel)
        row.addWidget(self.save)
        self.body.addLayout(row)

    def ask(self, screen: EntryScreen) -> None:
        """Begin with this form."""
        self.asked = screen
        self.heading.setText(screen.title.upper())
        self.heading.setWordWrap(True)
        self.setAccessibleName(screen.title)
        fill(self.lead, [words(one, "muted") for one in screen.lead])
        clear(self._grid)
        self.rows = {}
        for number, field in enumerate(screen.fields):
            self._add(number, field)
        for row in self.rows.values():
            row.widget.show()  # else Qt shows it later, and until then it takes no focus
        self.tell({})
        self.focus_first()

    def _add(self, number: int, field: EntryField) -> None:
        made = FieldRow(field)
        self.rows[field.name] = made
        label = words(field.label, "muted")
        label.setBuddy(made.widget)
        self._grid.addWidget(label, 2 * number, 0)
        beside = QHBoxLayout()
        beside.addWidget(made.widget, 1)
        if made.more is not None:
            beside.addWidget(made.more)
        self._grid.addLayout(beside, 2 * number, 1)
        self._grid.addWidget(words(field.hint, "small"), 2 * number, 2)
        self._grid.addWidget(made.mistake, 2 * number + 1, 1, 1, 2)
        changed = partial(self._changed, made)
        if isinstance(made.widget, QComboBox):
            made.widget.currentIndexChanged.connect(changed)
        else:
            made.widget.textChanged.connect(changed)

    @property
    def texts(self) -> dict[str, str]:
        """What stands in the fields, by their names."""
        return {name: one.text for name, one in self.rows.items()}

    def focus_first(self) -> None:
        """Put the cursor into the first field, or on the button if there is none."""
        first = next(iter(self.rows.values()), None)
        target: QWidget = self.save if first is None else first.widget
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def tell(self, problems: dict[str, str]) -> None:
        """Say what is wrong at which field; "" is the whole form.  What was typed stays."""
        self.save.setEnabled(True)
        self.cancel.setEnabled(True)
        for name, one in self.rows.items():
            one.tell(problems.get(name, ""))
        at_fields = [one for one in self.rows.values() if one.name in problems]
        told = [Finding(problems[""], "bad")] if problems.get("") else []
        if at_fields:
            number = len(at_fields)
            what = "one field has" if number == 1 else f"{number} fields have"
            text = f"Nothing was written: {what} to be mended; what is wrong stands below it."
            told.append(Finding(text, "warn"))
            at_fields[0].widget.setFocus(Qt.FocusReason.OtherFocusReason)
            self.area.ensureWidgetVisible(at_fields[0].widget)
        fill(self.answers, told)

    def _changed(self, row: FieldRow, *_: object) -> None:
        row.tell("")

    def _save(self) -> None:
        if self.asked is not None:
            self.save.setEnabled(False)
            self.cancel.setEnabled(False)  # nobody can cancel what is being written
            self.save_pressed.emit(self.asked, self.texts)


def _choices(field: EntryField) -> QComboBox:
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(14)
    if not field.value:
        box.addItem(CHOOSE, "")
    for key, text in field.choices:
        box.addItem(text, key)
    box.setCurrentIndex(max(box.findData(field.value), 0))
    return box
