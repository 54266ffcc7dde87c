"""What a page says in its two steps to a start: what must be true, who it is for, what starts.

Pure: whether it starts the gate decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from tms_console.screens.dose_picture import plural


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that must be true.

    Attributes:
        code: The gate's name for it.
        title: It in a word or two.
        sentence: How it stands.
        state: `good`, `warn`, `bad`, or `note` where a physician is waited for.
        action: The one thing to do about it, "" if there is nothing.
        opens: What that opens: a form's id, `threshold`, or a page's name.
    """

    code: str
    title: str
    sentence: str
    state: str
    action: str = ""
    opens: str = ""

    @property
    def refuses(self) -> bool:
        """True if nothing starts while it is so."""
        return self.state in ("bad", "note")


@dataclass(frozen=True, slots=True)
class StartStep:
    """The two steps to a start.

    The two identifiers are asked for one of these: if another one that is not equal takes its
    place, they are asked for again.

    Attributes:
        patient_uid: Who must be in the chair.
        name: The first identifier.
        birth: The second.
        items: Everything that must be true.
        about: What else the order would rest on: prescription or policy, dose, what was chosen.
        ready: Nothing on the list refuses, and there is something to give.
        first: What the first step says.
        second: What the second step says below its question.
        start: What the button says.
    """

    patient_uid: str
    name: str
    birth: str
    items: tuple[Item, ...]
    about: tuple[object, ...]
    ready: bool
    first: str
    second: str
    start: str

    @property
    def headline(self) -> str:
        """How much is still to do."""
        left = sum(one.refuses for one in self.items)
        return f"{plural(left, 'thing')} to do first" if left else "Ready to prepare"
