"""What a stimulator's unasked-for messages mean for a running session, in words for the operator.

Pure: it says what forbids going on and what is only worth recording; it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drivers.interface import DeviceNotice, DeviceStatus, NoticeKind
from tms_console.delivery.gate import COIL_STOP_C, COIL_WARN_C


class Weight(StrEnum):
    """How much a message weighs."""

    NOTHING = "nothing"
    RECORD = "record"
    ASK = "ask"
    """Its meaning is not known: ask the stimulator how it stands."""
    END = "end"
    """The session cannot go on."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a message means.

    Attributes:
        weight: How much it weighs.
        sentence: It in words; says what to do if the session ends by it.
    """

    weight: Weight
    sentence: str


def judge_notice(notice: DeviceNotice, *, armed: bool, warned: bool) -> Judgement:
    """Return what an unasked-for message means.

    Args:
        notice: The message.
        armed: The session has armed the stimulator and not disarmed it.
        warned: The operator has been told already that the coil is warm.
    """
    words = notice.sentence
    match notice.kind:
        case NoticeKind.INTENSITY:
            return Judgement(
                Weight.END,
                f"{words}: somebody turned the knob. Set nothing at the stimulator in a session.",
            )
        case NoticeKind.DISARMED if armed:
            return Judgement(
                Weight.END,
                f"{words} by itself or at its panel. See what the stimulator's screen says.",
            )
        case NoticeKind.COIL:
            return Judgement(Weight.END, f"{words}. Connect the coil and start again.")
        case NoticeKind.WITNESS:
            return Judgement(Weight.END, f"{words}.")
        case NoticeKind.UNCOMMANDED:
            return Judgement(
                Weight.END,
                f"{words}; how many pulses that gave is not known, at least one counts as given. "
                "Check its trigger input, foot switch and panel.",
            )
        case NoticeKind.SETTINGS:
            return Judgement(Weight.END, f"{words}: somebody used the panel.")
        case NoticeKind.TEMPERATURE:
            return _judge_temperature(notice.status, warned=warned)
        case NoticeKind.OTHER:
            return Judgement(Weight.ASK, words)
        case NoticeKind.LINK | NoticeKind.ARMED | NoticeKind.DISARMED:
            return Judgement(Weight.RECORD, words)


def _judge_temperature(status: DeviceStatus | None, *, warned: bool) -> Judgement:
    temperature_c = None if status is None else status.coil_temperature_c
    if temperature_c is None or temperature_c < COIL_WARN_C:
        return Judgement(Weight.NOTHING, "")
    if temperature_c >= COIL_STOP_C:
        return Judgement(
            Weight.END, f"the coil is at {temperature_c} °C; it must cool below {COIL_STOP_C} °C."
        )
    words = f"the coil is at {temperature_c} °C; the session ends at {COIL_STOP_C} °C"
    return Judgement(Weight.NOTHING if warned else Weight.RECORD, words)


def judge_status(
    status: DeviceStatus, *, armed: bool, intensity_pct_mso: int | None, coil: str
) -> str:
    """Return why the session cannot go on as the stimulator stands, "" if it can.

    Args:
        status: What it said when it was asked.
        armed: The session has armed it and not disarmed it.
        intensity_pct_mso: What the session set it to, None if nothing yet.
        coil: The coil the session began with.
    """
    if intensity_pct_mso is not None and status.intensity_pct_mso != intensity_pct_mso:
        return (
            f"the stimulator stands at {status.intensity_pct_mso} %MSO and was set to "
            f"{intensity_pct_mso} %MSO; nothing here changed it. Set nothing at the stimulator "
            "in a session, and check it before the next."
        )
    if status.coil != coil:
        return (
            f"the coil is {status.coil or 'missing'}; the session began with {coil}. Connect the "
            "coil and start again."
        )
    if status.coil_temperature_c is not None and status.coil_temperature_c >= COIL_STOP_C:
        return (
            f"the coil is at {status.coil_temperature_c} °C; it must cool below {COIL_STOP_C} °C."
        )
    if armed and not status.armed:
        return (
            "the stimulator is disarmed; the session had armed it. It was disarmed by itself or at "
            "its panel: see what the stimulator's screen says."
        )
    if status.armed and not armed:
        return "the stimulator is armed, and not by this session. Leave its panel alone."
    return status.problem
