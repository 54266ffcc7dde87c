"""The search for a motor threshold as something to deliver: single stimuli, one order for each.

It follows from the clinic's signed policy and from what is looked for; nobody prescribes it, and
every stimulus is compared with the policy again (`protocols.finding_bounds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from protocols.canonical import Canonical, ContentError, JsonValue, Record, check_text
from protocols.exact import ratio_text
from protocols.pattern import BlockPattern, Convention, Interval, Train
from protocols.policy import Policy, ThresholdFinding
from protocols.schedule import SessionSchedule, schedule_session
from protocols.session_content import DEFAULT_LATEST_HOST_PULSE_US
from protocols.terms import Side, ThresholdKind

FINDING_CONTENT_TAG = "tms-finding-content-1"
LONGEST_WAIT_S = 1200
"""Operational choice: a series in which nothing was given for 20 minutes ends by itself."""
FIRST_PCT_MSO = 1
"""What the device is set to until somebody chooses an intensity."""


class Seen:
    """How answers of the muscle are seen, in the words of `clinic.measurement.Method`."""

    EMG = "EMG"
    VISIBLE_TWITCH = "visible twitch"


@dataclass(frozen=True, slots=True)
class Aim(Canonical):
    """Which threshold is looked for; the technician signs it with the start order.

    Attributes:
        kind: What it is measured on.
        muscle: Which muscle answers.
        side: Which hemisphere is stimulated, left or right.
        coil: With which coil, in the protocols' words (`figure-8`) or by its name.
        seen: How answers are seen: `EMG` or `visible twitch`.
    """

    kind: ThresholdKind
    muscle: str
    side: Side
    coil: str
    seen: str

    def __post_init__(self) -> None:
        """Raise ContentError unless such a threshold can be looked for."""
        check_text("muscle", self.muscle)
        check_text("coil", self.coil)
        if self.side not in (Side.LEFT, Side.RIGHT):
            raise ContentError(
                f"a threshold is measured over the left or the right hemisphere, not {self.side}"
            )
        if self.seen not in (Seen.EMG, Seen.VISIBLE_TWITCH):
            raise ContentError(f"answers are seen by EMG or as a visible twitch, not {self.seen}")

    def __str__(self) -> str:
        """Return `Resting hand, right APB, left hemisphere, figure-8, visible twitch`."""
        kind = str(self.kind).capitalize()
        return f"{kind}, {self.muscle}, {self.side} hemisphere, {self.coil}, {self.seen}"

    def canonical(self) -> dict[str, JsonValue]:
        """Return it as JSON values."""
        return {
            "kind": self.kind.value,
            "muscle": self.muscle,
            "side": self.side.value,
            "coil": self.coil,
            "seen": self.seen,
        }

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Return the aim that the JSON values state.

        Raises:
            ContentError: They state none; the message names the field.
        """
        with record:
            return cls(
                kind=record.member("kind", ThresholdKind),
                muscle=record.text("muscle"),
                side=record.member("side", Side),
                coil=record.text("coil"),
                seen=record.text("seen"),
            )


@dataclass(frozen=True, slots=True)
class FindingBlock:
    """The one block of such a session: single stimuli inside the policy's bounds.

    Attributes:
        label: What it is called on screen.
        coil: The coil it is given with.
        pattern: Trains of one pulse, the policy's shortest interval apart, one more than it allows:
            before that one the series waits to be decided on, and it is never given.
        intensity_pct_mso: What the device is set to at first.
        lowest_pct_mso: Lowest intensity that may be set.
        highest_pct_mso: Highest intensity that may be set.
        step_pct_mso: The intensity step of the device.
    """

    label: str
    coil: str
    pattern: BlockPattern
    intensity_pct_mso: int
    lowest_pct_mso: int
    highest_pct_mso: int
    step_pct_mso: int = 1

    def intensity_of_train(self, train_in_block: int) -> int:
        """Return what a train is given at before anybody chose: there is no ramp."""
        del train_in_block
        return self.intensity_pct_mso


@dataclass(frozen=True, slots=True)
class FindingContent:
    """What one series gives at most.

    Attributes:
        aim: Which threshold is looked for.
        bounds: The policy's bounds.
        longest_pause_s: A wait longer than this ends the series.
        latest_host_pulse_us: A stimulus that would be later than this is not given.
    """

    aim: Aim
    bounds: ThresholdFinding
    longest_pause_s: int = LONGEST_WAIT_S
    latest_host_pulse_us: int = DEFAULT_LATEST_HOST_PULSE_US

    @property
    def blocks(self) -> tuple[FindingBlock, ...]:
        """The one block."""
        most, apart_s = self.bounds.most_stimuli, self.bounds.shortest_interval_s
        interval = Interval(apart_s, Convention.GAP)
        return (
            FindingBlock(
                label=str(self.aim),
                coil=self.aim.coil,
                pattern=BlockPattern(Train(1, Fraction(1)), most + 1, interval),
                intensity_pct_mso=FIRST_PCT_MSO,
                lowest_pct_mso=FIRST_PCT_MSO,
                highest_pct_mso=self.bounds.highest_pct_mso,
            ),
        )

    @property
    def pulses(self) -> int:
        """The most stimuli of a series."""
        return self.bounds.most_stimuli

    def schedule(self) -> SessionSchedule:
        """Return when each stimulus would be due if every one came as early as it may."""
        return schedule_session([(block.pattern, Fraction(0)) for block in self.blocks])

    def canonical(self) -> dict[str, JsonValue]:
        """Return the content as JSON values."""
        return {
            "tag": FINDING_CONTENT_TAG,
            "aim": self.aim.canonical(),
            "highest_pct_mso": self.bounds.highest_pct_mso,
            "shortest_interval_s": ratio_text(self.bounds.shortest_interval_s),
            "most_stimuli": self.bounds.most_stimuli,
            "longest_pause_s": self.longest_pause_s,
            "latest_host_pulse_us": self.latest_host_pulse_us,
        }


def finding_content(policy: Policy, aim: Aim) -> FindingContent:
    """Return what a series gives at most under a policy."""
    return FindingContent(aim, policy.threshold_finding)
