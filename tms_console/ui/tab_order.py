"""The order in which Tab goes: as the layouts have it, whenever a widget was made.

Qt goes in the order of making, and pages make rows anew as often as the record changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLayout,
    QWidget,
)

_WHOLE = (QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox)
"""What is inside these is theirs."""


def next_stop(window: QWidget, at: QWidget | None, *, forward: bool) -> QWidget | None:
    """Return where Tab, or Shift+Tab, leads from a widget; None if nothing can be worked."""
    widgets = list(_walk(window))
    stops = [number for number, one in enumerate(widgets) if _is_stop(one)]
    if not stops:
        return None
    while at is not None and at not in widgets:
        at = at.parentWidget()
    here = -1 if at is None else widgets.index(at)
    if forward:
        return widgets[next((number for number in stops if number > here), stops[0])]
    return widgets[next((number for number in reversed(stops) if number < here), stops[-1])]


def _walk(widget: QWidget) -> Iterator[QWidget]:
    """Yield what is in view, from above and from the left."""
    yield widget
    if isinstance(widget, _WHOLE):
        return
    layout = widget.layout()
    placed = [] if layout is None else list(_placed(layout))
    others = [one for one in widget.children() if isinstance(one, QWidget) and one not in placed]
    for one in (*placed, *others):
        if one.isVisible() and not one.isWindow():
            yield from _walk(one)


def _placed(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        if item is None:
            continue
        inner, widget = item.layout(), item.widget()
        if widget is not None:
            yield widget
        elif inner is not None:
            yield from _placed(inner)


def _is_stop(one: QWidget) -> bool:
    if not one.isEnabled() or one.focusProxy() is not None:
        return False
    if isinstance(one, QAbstractButton):
        group = one.group()
        if group is not None and group.exclusive():  # one stop; the arrow keys go to the others
            return one.focusPolicy() != Qt.FocusPolicy.NoFocus and one is _stop_of(group.buttons())
    return bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus)


def _stop_of(buttons: list[QAbstractButton]) -> QAbstractButton | None:
    there = [one for one in buttons if one.isVisible() and one.isEnabled()]
    return next((one for one in there if one.isChecked()), there[0] if there else None)
