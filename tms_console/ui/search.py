"""A field to search or filter with; what is found is elsewhere."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit, QToolButton


def search_field(name: str, hint: str) -> QLineEdit:
    """Return a field with a button that clears it, both with accessible names."""
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setPlaceholderText(hint)
    field.setClearButtonEnabled(True)
    for made in field.findChildren(QToolButton):
        made.setAccessibleName(f"Clear: {name}")
    return field
