"""What a threshold is found from: the stimuli in their order and what was seen after each.

How the next one is chosen is the methods' business; whether it may be given is the gate's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from protocols.canonical import ContentError, JsonValue, check_range

HIGHEST_PCT_MSO = 100
"""The stimulator's full output; intensities are whole %MSO, the step of the devices."""


class Answer(StrEnum):
    """What was seen after one stimulus."""

    MOVED = "moved"
    """A movement, or an MEP of at least 50 µV peak to peak."""
    STILL = "still"
    """Neither."""
    UNCLEAR = "unclear"
    """Nobody can tell: it says nothing about the threshold, and was a stimulus all the same."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One stimulus and its answer.

    Attributes:
        intensity_pct_mso: What was given, 0 to 100 %MSO on the device's step of 1.
        answer: What was seen.
    """

    intensity_pct_mso: int
    answer: Answer

    def __post_init__(self) -> None:
        """Raise ContentError unless such a stimulus can have been given."""
        if isinstance(self.intensity_pct_mso, bool) or not isinstance(self.intensity_pct_mso, int):
            raise ContentError("the intensity of a stimulus is a whole number of %MSO")
        check_range("the intensity of a stimulus", self.intensity_pct_mso, 0, HIGHEST_PCT_MSO)
        if not isinstance(self.answer, Answer):
            raise ContentError(f"{self.answer!r:.40} is no answer to a stimulus")

    def canonical(self) -> list[JsonValue]:
        """Return it as JSON values: `[42, "moved"]`."""
        return [self.intensity_pct_mso, self.answer.value]

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """Return the stimulus that `[42, "moved"]` states.

        Raises:
            ContentError: It states none.
        """
        match value:
            case [int(intensity), str(answer)] if answer in set(Answer):
                return cls(intensity, Answer(answer))
            case _:
                raise ContentError(f"{value!r:.60} is no stimulus such as [42, 'moved']")
