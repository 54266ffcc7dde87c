"""Tables of words: columns and frozen rows, as screens hand them to any view.

What they say is made by the screens.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One row.

    Attributes:
        key: What it is about, such as a uid.
        cells: A text for each column.
        state: `good`, `warn`, `bad`, `note`, `muted`, or "" for a plain row.
    """

    key: str
    cells: tuple[str, ...]
    state: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: Their names.
        lines: The rows.
        widths: What the columns would like to have, in logical pixels; 0 for no wish.
        state_column: Which column shows the state, -1 for none.
        empty: What is said when there is no row.
    """

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    widths: tuple[int, ...] = ()
    state_column: int = -1
    empty: str = ""
