"""The daily check of the record's file in words: waiting, running, sound, damaged.

What is checked, and that the gate refuses while the file is damaged, is the records' affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntegrityScreen:
    """How the daily check stands.

    Attributes:
        text: It in a sentence or two.
        state: `muted`, `note`, `good`, `warn` or `bad`.
        busy: The check is running.
        alarm: What everybody is told on every page, "" for nothing.
    """

    text: str
    state: str = "muted"
    busy: bool = False
    alarm: str = ""


WAITING = IntegrityScreen(
    "The file of the record is checked once a day while the window is open, never in a session."
)
CHECKING = IntegrityScreen("The file of the record is being checked ...", "note", busy=True)
GIVEN_UP = IntegrityScreen(
    "The check of the record's file was put off for a session; it is done after it.", "note"
)
SOUND = IntegrityScreen("The file of the record was checked and is sound.", "good")


def damage_sentence(faults: Sequence[str]) -> str:
    """Return what everybody is told of a damaged file."""
    first = faults[0] if faults else "no fault is named"
    number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return (
        f"THE FILE OF THE RECORD IS DAMAGED ({number}: {first[:160]}). Nothing is delivered from "
        "it. Keep the file as it is, call who is responsible for QA, and let an administrator put "
        "a backup back."
    )


def outcome_screen(faults: Sequence[str], unrecorded: str = "") -> IntegrityScreen:
    """Return what a check has found.

    Args:
        faults: What is wrong with the file; nothing if it is sound.
        unrecorded: Why the outcome could not be put on record, "" if it is.
    """
    told = f" That could not be put on record: {unrecorded}" if unrecorded else ""
    if faults:
        sentence = damage_sentence(faults) + told
        return IntegrityScreen(sentence, "bad", alarm=sentence)
    if unrecorded:
        return IntegrityScreen(SOUND.text + told, "warn")
    return SOUND


def failed_screen(why: str) -> IntegrityScreen:
    """Return that it is not known whether the file is sound."""
    return IntegrityScreen(f"The file of the record could not be checked: {why}", "warn")
