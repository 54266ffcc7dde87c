"""Medications whose change is flagged, found in what somebody wrote; nothing is ever blocked by it.

That nothing is found means nothing: trade names and misspellings are not known here.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from protocols.terms import Mark


class Concern(StrEnum):
    """Which change of a medication matters."""

    CHANGED = "changed"
    """Begun, stopped, or given in another dose."""
    WITHDRAWN = "withdrawn"
    """Stopped or given in a lower dose."""


@dataclass(frozen=True, slots=True)
class MedicationGroup:
    """Medications that are flagged together.

    Attributes:
        group: The group's name.
        when: Which change matters.
        names: Its own names, in small letters.
        mark: How far it has been checked that the group is to be flagged.
        members: Names of its members, in small letters.
        members_mark: How far it has been checked that they are members.
    """

    group: str
    when: Concern
    names: tuple[str, ...]
    mark: Mark
    members: tuple[str, ...]
    members_mark: Mark


@dataclass(frozen=True, slots=True)
class FlaggedMedication:
    """One medication that was found in a text.

    Attributes:
        word: The word as it was written.
        group: What it belongs to.
        mark: How far it has been checked that it does, and that the group is to be flagged.
    """

    word: str
    group: MedicationGroup
    mark: Mark

    def __str__(self) -> str:
        """Return `lorazepam (benzodiazepines): tell the physician when it is withdrawn`."""
        return f"{self.word} ({self.group.group}): tell the physician when it is {self.group.when}"


@cache
def medication_groups() -> tuple[MedicationGroup, ...]:
    """Return the shipped groups."""
    text = (files("protocols.forms") / "medications.toml").read_text(encoding="utf-8")
    return tuple(
        MedicationGroup(
            group=entry["group"],
            when=Concern(entry["when"]),
            names=tuple(entry["names"]),
            mark=Mark(entry["mark"]),
            members=tuple(entry["members"]),
            members_mark=Mark(entry["members_mark"]),
        )
        for entry in tomllib.loads(text)["groups"]
    )


def flagged_medications(text: str) -> tuple[FlaggedMedication, ...]:
    """Return the flagged medications that a text names, each word once, in its order."""
    known = {
        name: (group, mark)
        for group in medication_groups()
        for names, mark in ((group.members, group.members_mark), (group.names, group.mark))
        for name in names
    }
    found: dict[str, FlaggedMedication] = {}
    for match in re.finditer(r"[^\W\d_]+", unicodedata.normalize("NFKC", text)):
        word = match.group()
        if word.casefold() in known:
            found.setdefault(word.casefold(), FlaggedMedication(word, *known[word.casefold()]))
    return tuple(found.values())
