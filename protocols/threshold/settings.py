"""By which numbers a threshold is looked for; they are stored with the series and replay it.

The clinic's policy gives the bounds of intensity and count; it is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from protocols.canonical import Canonical, ContentError, JsonValue, Record, check_range
from protocols.threshold.series import HIGHEST_PCT_MSO

SETTINGS_TAG = "tms-threshold-settings-1"
LAST_THRESHOLD_SD_PCT_MSO = 6
"""How far a threshold lies from the patient's last one (threshold.md, Bayesian grid)."""
MOST_STIMULI = 1000
"""The outer bound that no policy widens (`protocols.policy`)."""


class MethodName(StrEnum):
    """Which method chooses the next intensity and makes the estimate."""

    BAYES = "bayes"
    """Bayesian grid over threshold and slope."""
    BAYES_FIXED = "bayes-fixed"
    """Bayesian grid over the threshold alone, the slope taken as known."""
    ML_PEST = "ml-pest"
    SAMT = "samt"
    FIVE_OF_TEN = "5-of-10"
    MILLS_NITHI = "mills-nithi"


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of the threshold before the first stimulus: normal, cut at what is possible.

    Attributes:
        mean_pct_mso: Its mean.
        sd_pct_mso: Its standard deviation.
    """

    mean_pct_mso: int
    sd_pct_mso: int

    def __post_init__(self) -> None:
        """Raise ContentError unless it is one."""
        check_range("prior mean_pct_mso", self.mean_pct_mso, 1, HIGHEST_PCT_MSO)
        check_range("prior sd_pct_mso", self.sd_pct_mso, 1, HIGHEST_PCT_MSO)

    @classmethod
    def last_threshold(cls, value_pct_mso: int) -> Self:
        """Return the prior that the patient's last comparable threshold gives."""
        return cls(value_pct_mso, LAST_THRESHOLD_SD_PCT_MSO)

    def canonical(self) -> dict[str, JsonValue]:
        """Return it as JSON values."""
        return {"mean_pct_mso": self.mean_pct_mso, "sd_pct_mso": self.sd_pct_mso}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the prior that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            return cls(record.integer("mean_pct_mso"), record.integer("sd_pct_mso"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Canonical):
    """By which numbers a threshold is looked for.

    Attributes:
        method: The method.
        lowest_pct_mso: No stimulus is proposed below this.
        highest_pct_mso: Nor above this; the policy's bound for finding goes here.
        largest_step_pct_mso: Two stimuli in a row differ by at most this.
        first_pct_mso: The first intensity, for instance what the hotspot was found with; None: the
            method's own.
        prior: The patient's last threshold; None if there is none.  Only the Bayesian grid and
            the start of the other methods use it.
        lapse_per_mille: How often an answer has nothing to do with the stimulus, in thousandths
            (half of those are wrong).
        stop_half_width_per_mille: Finished once half the 95 % interval is at most this many
            thousandths of the estimate and both answers were seen; None: not before
            `most_stimuli`.  Methods with a rule of their own to end by do not use it.
        most_stimuli: Finished after so many, whatever is known; unclear ones count.
    """

    method: MethodName = MethodName.BAYES
    lowest_pct_mso: int = 1
    highest_pct_mso: int = HIGHEST_PCT_MSO
    largest_step_pct_mso: int = 20
    first_pct_mso: int | None = None
    prior: Prior | None = None
    lapse_per_mille: int = 30
    stop_half_width_per_mille: int | None = 60
    most_stimuli: int = 100

    def __post_init__(self) -> None:
        """Raise ContentError unless a threshold can be looked for by them."""
        if not isinstance(self.method, MethodName):
            raise ContentError(f"{self.method!r:.40} is no method of finding a threshold")
        check_range("lowest_pct_mso", self.lowest_pct_mso, 1, HIGHEST_PCT_MSO)
        check_range("highest_pct_mso", self.highest_pct_mso, self.lowest_pct_mso, HIGHEST_PCT_MSO)
        check_range("largest_step_pct_mso", self.largest_step_pct_mso, 1, HIGHEST_PCT_MSO)
        if self.first_pct_mso is not None:
            check_range(
                "first_pct_mso", self.first_pct_mso, self.lowest_pct_mso, self.highest_pct_mso
            )
        check_range("lapse_per_mille", self.lapse_per_mille, 0, 200)
        if self.stop_half_width_per_mille is not None:
            check_range("stop_half_width_per_mille", self.stop_half_width_per_mille, 5, 500)
        check_range("most_stimuli", self.most_stimuli, 1, MOST_STIMULI)

    def canonical(self) -> dict[str, JsonValue]:
        """Return them as JSON values."""
        return {
            "tag": SETTINGS_TAG,
            "method": self.method.value,
            "lowest_pct_mso": self.lowest_pct_mso,
            "highest_pct_mso": self.highest_pct_mso,
            "largest_step_pct_mso": self.largest_step_pct_mso,
            "first_pct_mso": self.first_pct_mso,
            "prior": None if self.prior is None else self.prior.canonical(),
            "lapse_per_mille": self.lapse_per_mille,
            "stop_half_width_per_mille": self.stop_half_width_per_mille,
            "most_stimuli": self.most_stimuli,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the settings that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            record.tagged(SETTINGS_TAG)
            prior = record.optional("prior")
            return cls(
                method=record.member("method", MethodName),
                lowest_pct_mso=record.integer("lowest_pct_mso"),
                highest_pct_mso=record.integer("highest_pct_mso"),
                largest_step_pct_mso=record.integer("largest_step_pct_mso"),
                first_pct_mso=record.optional_integer("first_pct_mso"),
                prior=None if prior is None else Prior.from_record(prior),
                lapse_per_mille=record.integer("lapse_per_mille"),
                stop_half_width_per_mille=record.optional_integer("stop_half_width_per_mille"),
                most_stimuli=record.integer("most_stimuli"),
            )
