"""One search for a threshold, as a value: answers are added, undone, stored and replayed.

Nothing here gives a stimulus, or knows whether it may be given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from protocols.canonical import Canonical, ContentError, JsonValue, Record
from protocols.threshold.methods import METHODS
from protocols.threshold.series import Answer, Stimulus
from protocols.threshold.settings import Settings
from protocols.threshold.standing import Standing

FINDING_TAG = "tms-threshold-finding-1"


@dataclass(frozen=True)
class Finding(Canonical):
    """Settings and the series so far.

    Attributes:
        settings: By which numbers the threshold is looked for.
        series: The stimuli and their answers, in order.
    """

    settings: Settings
    series: tuple[Stimulus, ...] = ()

    @cached_property
    def standing(self) -> Standing:
        """Where it stands; computed once."""
        return METHODS[self.settings.method].standing(self.settings, self.series)

    def next_intensity(self) -> int | None:
        """Return what to give next, in %MSO; None once finished."""
        return self.standing.next_pct_mso

    def record(self, answer: Answer, intensity_pct_mso: int | None = None) -> Finding:
        """Return the search with one more answer.

        Args:
            answer: What was seen.
            intensity_pct_mso: What was given, if it was not what was asked for.

        Raises:
            ContentError: The search is finished and no intensity is stated, or nothing like it
                can have been given.
        """
        given = self.next_intensity() if intensity_pct_mso is None else intensity_pct_mso
        if given is None:
            raise ContentError("the search is finished: nothing was asked for")
        return Finding(self.settings, (*self.series, Stimulus(given, answer)))

    def undo(self) -> Finding:
        """Return the search without its last answer.

        Raises:
            ContentError: There is none.
        """
        if not self.series:
            raise ContentError("there is no answer to undo")
        return Finding(self.settings, self.series[:-1])

    def canonical(self) -> dict[str, JsonValue]:
        """Return settings and series as JSON values."""
        return {
            "tag": FINDING_TAG,
            "settings": self.settings.canonical(),
            "series": [stimulus.canonical() for stimulus in self.series],
        }

    def as_record(self) -> dict[str, JsonValue]:
        """Return what is stored; `replay` reads it."""
        return self.canonical()

    @classmethod
    def replay(cls, stored: JsonValue) -> Finding:
        """Return the search that was stored.

        Raises:
            ContentError: It is none; the message names the field.
        """
        with Record(stored, "the series") as record:
            record.tagged(FINDING_TAG)
            settings = Settings.from_record(record.record("settings"))
            series = tuple(Stimulus.from_json(value) for value in record.items("series"))
        return cls(settings, series)
