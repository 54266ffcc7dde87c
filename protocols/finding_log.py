"""What was said in the search for a threshold, entry by entry, and where it stands after them.

The delivering process puts the entries on record as they come; whoever reads them later folds them
with the stimuli that were given and gets the very same series, estimate and interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from protocols.canonical import ContentError, JsonValue, Record, check_range, check_text
from protocols.threshold import METHODS, Answer, Finding, Settings, Stimulus

FARTHEST = 4
"""The grid of the hotspot search: so many places from its middle in each direction, 1 cm apart."""


class Verdict(StrEnum):
    """What became of a series."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Placed:
    """The coil is at this place of the grid now.

    Attributes:
        column: Centimetres to the right of where it began, negative to the left.
        row: Centimetres to the front, negative to the back.
    """

    column: int
    row: int

    def __post_init__(self) -> None:
        """Raise ContentError unless it is on the grid."""
        for name in ("column", "row"):
            check_range(name, getattr(self, name), -FARTHEST, FARTHEST)


@dataclass(frozen=True, slots=True)
class Answered:
    """What was seen after a stimulus.

    Attributes:
        stimulus: Its number in the series, from 1.
        answer: What was seen.
    """

    stimulus: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The answer to a stimulus was a mistake."""

    stimulus: int


@dataclass(frozen=True, slots=True)
class MethodBegun:
    """The hotspot is where the coil is, and from here on the method asks for the stimuli."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Decided:
    """The series is at its end.

    Attributes:
        verdict: Whether its result is taken as the threshold.
        value_pct_mso: The threshold, if it is; the estimate rounded half up.
        reason: Why it is not; "" if it is.
    """

    verdict: Verdict
    value_pct_mso: int | None
    reason: str = ""


REJECTED_WORDS = f"the series was {Verdict.REJECTED.value}"
"""So begins on record why a session ended whose series was rejected."""


def end_words(decided: Decided) -> str:
    """Return why a session ended whose series was decided on, without a full stop."""
    words = f"the series was {decided.verdict.value}"
    return f"{words}: {decided.reason}" if decided.reason else words


Entry = Placed | Answered | TakenBack | MethodBegun | Decided


def entry_json(entry: Entry) -> dict[str, JsonValue]:
    """Return an entry as JSON values."""
    match entry:
        case Placed(column, row):
            return {"do": "placed", "column": column, "row": row}
        case Answered(stimulus, answer):
            return {"do": "answered", "stimulus": stimulus, "answer": answer.value}
        case TakenBack(stimulus):
            return {"do": "taken back", "stimulus": stimulus}
        case MethodBegun(settings):
            return {"do": "method", "settings": settings.canonical()}
        case Decided(verdict, value, reason):
            return {
                "do": "decided",
                "verdict": verdict.value,
                "value_pct_mso": value,
                "reason": reason,
            }


def entry_words(entry: Entry) -> str:
    """Return an entry as a sentence names it."""
    match entry:
        case Placed():
            return "the coil's new place"
        case Answered(stimulus):
            return f"the answer to stimulus {stimulus}"
        case TakenBack(stimulus):
            return f"taking back the answer to stimulus {stimulus}"
        case MethodBegun():
            return "the begin of the method"
        case Decided(verdict):
            return "Accept" if verdict is Verdict.ACCEPTED else "Reject"


def entry_of(values: JsonValue) -> Entry:
    """Return the entry that JSON values state.

    Raises:
        ContentError: They state none; the message names the field.
    """
    with Record(values) as record:
        match record.text("do"):
            case "placed":
                return Placed(record.integer("column"), record.integer("row"))
            case "answered":
                return Answered(record.integer("stimulus"), record.member("answer", Answer))
            case "taken back":
                return TakenBack(record.integer("stimulus"))
            case "method":
                return MethodBegun(Settings.from_record(record.record("settings")))
            case "decided":
                return Decided(
                    record.member("verdict", Verdict),
                    record.optional_integer("value_pct_mso"),
                    record.text("reason"),
                )
            case other:
                raise ContentError(f"{other[:40]!r} is nothing that is said of a series")


@dataclass(frozen=True, slots=True)
class Given:
    """A stimulus that was given, or may have been.

    Attributes:
        intensity_pct_mso: At what.
        place: Where the coil was.
        answer: What was seen, None while nobody said.
        of_method: The method asked for it; False in the search for the hotspot.
    """

    intensity_pct_mso: int
    place: Placed
    answer: Answer | None = None
    of_method: bool = False


@dataclass(frozen=True)
class FindingLog:
    """A series so far; every change is a new value.

    Attributes:
        given: Its stimuli in order; the first is number 1.
        place: Where the coil is.
        settings: Of the method, None in the search for the hotspot.
        taken_back: How many answers were taken back.
        decided: Its end, None before.
    """

    given: tuple[Given, ...] = ()
    place: Placed = Placed(0, 0)
    settings: Settings | None = None
    taken_back: int = 0
    decided: Decided | None = None

    @property
    def waits_for_answer(self) -> bool:
        """True while nobody said what was seen after the last stimulus."""
        return bool(self.given) and self.given[-1].answer is None

    @property
    def series(self) -> tuple[Stimulus, ...]:
        """The answered stimuli of the method, in order."""
        return tuple(
            Stimulus(one.intensity_pct_mso, one.answer)
            for one in self.given
            if one.of_method and one.answer is not None
        )

    @property
    def finding(self) -> Finding | None:
        """The search as the method sees it; None before it began."""
        return None if self.settings is None else Finding(self.settings, self.series)

    def with_stimulus(self, intensity_pct_mso: int) -> Self:
        """Return the series with one more stimulus, given where the coil is."""
        made = Given(intensity_pct_mso, self.place, None, self.settings is not None)
        return replace(self, given=(*self.given, made))

    def with_entry(self, entry: Entry) -> Self:
        """Return the series with one more entry.

        Raises:
            ContentError: It cannot be said now; the sentence says why.
        """
        if self.decided is not None:
            raise ContentError("the series was decided on already")
        match entry:
            case Placed():
                return self._with_place(entry)
            case Answered(stimulus, answer):
                self._require_last(stimulus)
                if not self.waits_for_answer:
                    raise ContentError(f"stimulus {stimulus} was answered: take that back first")
                return self._answered(answer)
            case TakenBack(stimulus):
                self._require_last(stimulus)
                if self.waits_for_answer:
                    raise ContentError(f"stimulus {stimulus} has no answer to take back")
                return replace(self._answered(None), taken_back=self.taken_back + 1)
            case MethodBegun(settings):
                if self.settings is not None:
                    raise ContentError("the method has begun already")
                if self.waits_for_answer:
                    raise ContentError("the last stimulus has no answer yet")
                if settings.method not in METHODS:
                    raise ContentError(f"the method {settings.method} is not known here")
                return replace(self, settings=settings)
            case Decided():
                return self._with_decision(entry)

    def _with_place(self, place: Placed) -> Self:
        if self.settings is not None:
            raise ContentError("the method has begun: the coil stays on the hotspot")
        return replace(self, place=place)

    def _with_decision(self, decided: Decided) -> Self:
        if decided.verdict is Verdict.REJECTED:
            check_text("reason", decided.reason)
            if decided.value_pct_mso is not None:
                raise ContentError("a series that is rejected gives no value")
            return replace(self, decided=decided)
        finding = self.finding
        if finding is None or not finding.standing.acceptable:
            raise ContentError("the series has no result that could be accepted")
        if decided.value_pct_mso != value_of(finding):
            raise ContentError(f"the series gives {value_of(finding)} %MSO")
        return replace(self, decided=decided)

    def _require_last(self, stimulus: int) -> None:
        if not self.given or stimulus != len(self.given):
            raise ContentError(
                f"stimulus {stimulus} is not the last one: {len(self.given)} were given"
            )

    def _answered(self, answer: Answer | None) -> Self:
        return replace(self, given=(*self.given[:-1], replace(self.given[-1], answer=answer)))


def value_of(finding: Finding) -> int | None:
    """Return the threshold that a search gives in whole %MSO, half up; None if it gives none."""
    estimate = finding.standing.estimate_pct_mso
    return None if estimate is None else int(estimate + 0.5)


def marks(log: FindingLog) -> Mapping[Placed, tuple[int, int]]:
    """Return of each place of the hotspot search how many stimuli moved the muscle, of how many."""
    found: dict[Placed, tuple[int, int]] = {}
    for one in log.given:
        if one.of_method or one.answer in (None, Answer.UNCLEAR):
            continue
        moved, all_of_them = found.get(one.place, (0, 0))
        found[one.place] = (moved + (one.answer is Answer.MOVED), all_of_them + 1)
    return found
