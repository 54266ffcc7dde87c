"""Where a search for a threshold stands: what every method answers with, and the methods' Protocol.

Words for it are the screens' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from protocols.threshold.series import Stimulus
from protocols.threshold.settings import MethodName, Settings


class WhyFinished(StrEnum):
    """Why no further stimulus is asked for; the value is the code that a record keeps."""

    PRECISE = "precise"
    """The stop rule is met: the interval is as narrow as asked for."""
    COMPLETE = "complete"
    """The method's own procedure is at its end."""
    MOST_STIMULI = "most-stimuli"
    """As many stimuli as allowed were given."""
    ABOVE_RANGE = "above-range"
    """The threshold lies above the highest intensity allowed."""
    BELOW_RANGE = "below-range"
    """It lies below the lowest."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How probable a movement is at each intensity, as far as the series says.

    Attributes:
        intensities_pct_mso: The intensities, rising.
        probability: The mean of the posterior, 0 to 1, one for each intensity.
        low: Lower end of its pointwise 95 % band, widened to the mean where that lies outside.
        high: Upper end.
    """

    intensities_pct_mso: tuple[int, ...]
    probability: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a search stands after a series.

    Attributes:
        next_pct_mso: What to give next; None once finished.
        estimate_pct_mso: The threshold so far, rounded to 0.01 %MSO; None if the method
            has none yet.
        low: Lower end of the 95 % interval, rounded alike.
        high: Upper end; `low <= estimate_pct_mso <= high`.
        finished: No further stimulus is asked for.
        why_finished: A `WhyFinished`, None before.
        acceptable: Finished with an estimate that can be a threshold: inside the range that was
            looked in, with both movements and their absence seen.
        about_more: How many stimuli are still expected; 0 once finished, None if nobody knows.
        curve: The response curve with its band; None in a `step`.
    """

    next_pct_mso: int | None
    estimate_pct_mso: float | None
    low: float
    high: float
    finished: bool
    why_finished: WhyFinished | None
    acceptable: bool
    about_more: int | None
    curve: Curve | None


class Method(Protocol):
    """A way of finding a threshold: a pure function of settings and the whole series.

    Equal arguments give equal answers, so a stored series replays, and undoing the last answer is
    leaving it out.  Estimates and interval ends are rounded to 0.01 %MSO, so that the last bits of
    one computer's exponential function do not show on another.
    """

    @property
    def name(self) -> MethodName:
        """Its name in settings and records."""
        ...

    @property
    def title(self) -> str:
        """Its name in words."""
        ...

    def standing(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return where the search stands, with everything a screen shows."""
        ...

    def step(self, settings: Settings, series: Sequence[Stimulus]) -> Standing:
        """Return the same without curve and `about_more` (None): what choosing the next costs."""
        ...
