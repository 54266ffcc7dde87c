"""Tables of words: columns and frozen rows, as screens hand them to any view.

What they say is made by the screens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


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

    def without_empty_columns(self) -> Table:
        """Return it without the columns in which no row says anything; the state's stays."""
        kept = [
            at
            for at in range(len(self.columns))
            if at == self.state_column or any(one.cells[at] for one in self.lines)
        ]
        if not self.lines or len(kept) == len(self.columns):
            return self
        return Table(
            tuple(self.columns[at] for at in kept),
            tuple(replace(one, cells=tuple(one.cells[at] for at in kept)) for one in self.lines),
            tuple(self.widths[at] for at in kept) if self.widths else (),
            kept.index(self.state_column) if self.state_column in kept else -1,
            self.empty,
        )
