"""Puts what pydantic found wrong with a protocol file into sentences with line and field.

It judges nothing; it only names the place, the mistake and what is allowed there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from protocols import file_schema as schema
from protocols.locate import Path, key_lines
from protocols.pattern import Convention
from protocols.protocol import Mistake
from protocols.terms import Mark, RegulatoryStatus, Side, ThresholdKind

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_TABLES: Mapping[str, type[schema.Table]] = {
    "": schema.ProtocolTable,
    "regulatory": schema.RegulatoryTable,
    "sources": schema.SourceTable,
    "course": schema.CourseTable,
    "course.phases": schema.PhaseTable,
    "pre_step": schema.PreStepTable,
    "delivery": schema.DeliveryTable,
    "blocks": schema.BlockTable,
    "blocks.burst": schema.BurstTable,
    "blocks.interval": schema.IntervalTable,
    "blocks.ramp": schema.RampTable,
    "blocks.depth_adjustment": schema.DepthTable,
}
_OR_RANGE = ", or a range { lowest = ..., highest = ..., default = ... }"
_EXACT_OR_RANGE = schema.RATIO_WORDS + _OR_RANGE
_WHOLE_OR_RANGE = "a whole number from 1" + _OR_RANGE
_WORDS: Mapping[str, str] = {
    "id": "small letters, digits and single hyphens, such as itbs-600",
    "pct_mt": _EXACT_OR_RANGE,
    "rate_hz": _EXACT_OR_RANGE,
    "seconds": _EXACT_OR_RANGE,
    "changeover_s": schema.RATIO_WORDS,
    "pulses_per_train": _WHOLE_OR_RANGE,
    "bursts_per_train": _WHOLE_OR_RANGE,
    "trains": _WHOLE_OR_RANGE,
    "sessions": _WHOLE_OR_RANGE,
    "weeks": _WHOLE_OR_RANGE,
    "side": ", ".join(Side),
    "threshold": ", ".join(ThresholdKind),
    "convention": ", ".join(Convention),
    "status": ", ".join(RegulatoryStatus),
    "mark": ", ".join(Mark),
    "blocks": "at least one [[blocks]] table",
    "sources": "at least one [[sources]] table",
    "marks": "a mark for each number of the block",
}
_BY_TYPE: Mapping[str, str] = {
    "string_type": "text in quotes",
    "string_pattern_mismatch": "text that is not empty",
    "string_too_long": "a shorter text",
    "int_type": "a whole number",
    "list_type": "a list in square brackets",
    "model_type": "a table",
    "dict_type": "a table",
    "too_short": "at least one",
}


class Mistakes:
    """The mistakes of one file, gathered by field."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = key_lines(text)
        self._found: list[Mistake] = []

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._found)

    def add(self, path: Path, wrong: str, allowed: str = "") -> None:
        """Add a mistake at a field; a field that is missing stands where its table begins."""
        field = "".join(
            f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in path
        ).lstrip(".")
        self._found.append(Mistake(self._file, self._line(path), field, wrong, allowed))

    def add_all(self, error: ValidationError) -> None:
        """Add everything that pydantic found."""
        for details in error.errors(include_url=False):
            path: Path = tuple(
                key for key in details["loc"] if isinstance(key, int) or key[0] not in "<["
            )
            self.add(path, *_sentence(path, details))

    def in_order(self) -> tuple[Mistake, ...]:
        """Return the mistakes by line, each once."""
        return tuple(sorted(dict.fromkeys(self._found), key=lambda mistake: mistake.line or 0))

    def _line(self, path: Path) -> int:
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1


def _sentence(path: Path, details: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong and what is allowed."""
    kind = details["type"]
    context = details.get("ctx", {})
    leaf = str(path[-1]) if path else ""
    if kind == schema.OURS:
        return str(context["wrong"]), str(context["allowed"])
    if kind == "missing":
        return "is missing", _WORDS.get(leaf, "")
    if kind == "extra_forbidden":
        return "is an unknown key", _nearest(path, details["loc"])
    shown = f"{details['input']!r:.40}"
    if kind == "enum":
        return f"{shown} is not one of the words for it", str(context["expected"])
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = "at least" if kind == "greater_than_equal" else "at most"
        number = context["ge"] if kind == "greater_than_equal" else context["le"]
        return f"{shown} cannot be", f"{bound} {number}"
    allowed = _WORDS.get(leaf) or _BY_TYPE.get(kind) or details["msg"]
    return f"{shown} cannot stand here", allowed


def _nearest(path: Path, location: tuple[int | str, ...]) -> str:
    """Return the known key that is most like the unknown one, or all known keys."""
    if "<range>" in location:
        known = ["lowest", "highest", "default"]
    else:
        table = ".".join(key for key in path[:-1] if isinstance(key, str))
        known = list(_TABLES[table].model_fields)
    return nearest_word(str(path[-1]), known)


def nearest_word(word: str, known: list[str]) -> str:
    """Return `did you mean ...?` for the nearest known word, or all of them."""
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean {near[0]!r}?" if near else ", ".join(known)


_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def syntax_mistake(file: str, text: str, message: str) -> Mistake:
    """Return tomllib's complaint as a mistake, with the line it names at its end."""
    match = _POSITION.search(message)
    if match is None:
        return Mistake(file, 1, "", f"is not TOML: {message}")
    line = int(match[1]) if match[1] else text.count("\n") + 1
    return Mistake(file, line, "", f"is not TOML: {message[: match.start()]}")
