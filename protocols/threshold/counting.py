"""The two methods that count responses level by level: 5 of 10, and Mills-Nithi.

Both count every clear answer at an intensity, whenever it was given, so a stimulus that somebody
chose otherwise is not lost.  They take many stimuli and are here to compare with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from protocols.threshold.evidence import completed, stepped
from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import MethodName, Settings
from protocols.threshold.standing import Standing, WhyFinished

PASSES_AT_MOVED = 5
FAILS_AT_STILL = 6
"""Of ten at a level, 5 of 10 (threshold.md)."""
ALL_OF = 10
"""Answers that must agree at a level, Mills-Nithi (threshold.md)."""
FIVE_OF_TEN_FIRST_PCT_MSO, FIVE_OF_TEN_UP_PCT_MSO = 35, 5
MILLS_NITHI_FIRST_PCT_MSO, MILLS_NITHI_UP_PCT_MSO = 20, 10
"""How the methods come near the threshold from below is not in threshold.md: recalled (r) from
Rossini 1994 (35 % and up by 5) and Mills and Nithi 1997 (20 % and up by 10)."""


@dataclass(frozen=True, slots=True)
class _Level:
    """Clear answers at one intensity, and which of the two limits of 5 of 10 came first."""

    moved: int = 0
    still: int = 0
    passed: bool = False
    failed: bool = False

    def after(self, answer: Answer) -> _Level:
        moved = self.moved + (answer is Answer.MOVED)
        still = self.still + (answer is Answer.STILL)
        passed = self.passed or (not self.failed and moved >= PASSES_AT_MOVED)
        failed = self.failed or (not passed and still >= FAILS_AT_STILL)
        return _Level(moved, still, passed, failed)


_UNTRIED = _Level()


def _levels(series: Sequence[Stimulus]) -> dict[int, _Level]:
    levels: dict[int, _Level] = {}
    for stimulus in series:
        if stimulus.answer is not Answer.UNCLEAR:
            x = stimulus.intensity_pct_mso
            levels[x] = levels.get(x, _UNTRIED).after(stimulus.answer)
    return levels


def _first(settings: Settings, usual_pct_mso: int) -> int:
    first = settings.first_pct_mso
    if first is None:
        first = usual_pct_mso if settings.prior is None else settings.prior.mean_pct_mso
    return min(max(first, settings.lowest_pct_mso), settings.highest_pct_mso)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a method wants to give next, or its end."""

    wanted_pct_mso: int
    estimate_pct_mso: float | None = None
    why: WhyFinished | None = None


class _Counting(ABC):
    """What the two methods have in common that count movements at whole %MSO."""

    __slots__ = ()

    def step(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands, without curve and `about_more`."""
        turn = self._turn(settings, series)
        return stepped(
            settings,
            series,
            wanted_pct_mso=turn.wanted_pct_mso,
            estimate_pct_mso=turn.estimate_pct_mso,
            why=turn.why,
        )

    def standing(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands; nobody knows how many stimuli are still needed."""
        return completed(settings, series, self.step(settings, series), None)

    @abstractmethod
    def _turn(self, settings: Settings, series: Sequence[Stimulus]) -> _Turn:
        """Return what to give next, or the end."""


@dataclass(frozen=True, slots=True)
class FiveOfTen(_Counting):
    """Rossini-Rothwell: down in steps of 1 %MSO; the threshold is the last level that passed.

    A level passes at 5 movements and fails at 6 stimuli without one (threshold.md).  Before any
    level has passed: up by 5 %MSO after each stimulus without a movement, until 5 in a row move.
    """

    name: MethodName = MethodName.FIVE_OF_TEN
    title: str = "5 of 10"

    def _turn(self, settings: Settings, series: Sequence[Stimulus]) -> _Turn:
        levels = _levels(series)
        lowest_passed = min((x for x, level in levels.items() if level.passed), default=None)
        if lowest_passed is not None:
            below = lowest_passed - 1
            if levels.get(below, _UNTRIED).failed:
                return _Turn(below, lowest_passed, WhyFinished.COMPLETE)
            if below < settings.lowest_pct_mso:
                return _Turn(lowest_passed, lowest_passed, WhyFinished.BELOW_RANGE)
            return _Turn(below, lowest_passed)
        tested = [x for x, level in levels.items() if level.moved and not level.still]
        if tested:
            return _Turn(max(tested))
        if not levels:
            return _Turn(_first(settings, FIVE_OF_TEN_FIRST_PCT_MSO))
        top = max(levels)
        if top >= settings.highest_pct_mso and levels[top].failed:
            return _Turn(top, None, WhyFinished.ABOVE_RANGE)
        return _Turn(min(top + FIVE_OF_TEN_UP_PCT_MSO, settings.highest_pct_mso))


@dataclass(frozen=True, slots=True)
class MillsNithi(_Counting):
    """Mean of the lowest level with 10 of 10 movements and the highest with 0 of 10.

    Up by 10 %MSO to a first movement; from there down by 1 to a level without a movement in 10
    stimuli, leaving a level at its first movement; then up by 1 to one with a movement in all 10,
    leaving a level at its first miss, those already missed at left out.
    """

    name: MethodName = MethodName.MILLS_NITHI
    title: str = "Mills-Nithi"

    def _turn(self, settings: Settings, series: Sequence[Stimulus]) -> _Turn:
        levels = _levels(series)
        begun = next(
            (one.intensity_pct_mso for one in series if one.answer is Answer.MOVED),
            None,
        )
        if begun is None:
            return self._coming_near(settings, levels)
        lower = begun
        while levels.get(lower, _UNTRIED).moved:
            lower -= 1
        if lower < settings.lowest_pct_mso:
            return _Turn(settings.lowest_pct_mso, None, WhyFinished.BELOW_RANGE)
        if levels.get(lower, _UNTRIED).still < ALL_OF:
            return _Turn(lower)
        upper = lower + 1
        while levels.get(upper, _UNTRIED).still:
            upper += 1
        if upper > settings.highest_pct_mso:
            return _Turn(settings.highest_pct_mso, None, WhyFinished.ABOVE_RANGE)
        if levels.get(upper, _UNTRIED).moved < ALL_OF:
            return _Turn(upper)
        return _Turn(upper, 0.5 * (lower + upper), WhyFinished.COMPLETE)

    @staticmethod
    def _coming_near(settings: Settings, levels: dict[int, _Level]) -> _Turn:
        if not levels:
            return _Turn(_first(settings, MILLS_NITHI_FIRST_PCT_MSO))
        top = max(levels)
        if top >= settings.highest_pct_mso and levels[top].still >= ALL_OF:
            return _Turn(top, None, WhyFinished.ABOVE_RANGE)
        return _Turn(min(top + MILLS_NITHI_UP_PCT_MSO, settings.highest_pct_mso))
