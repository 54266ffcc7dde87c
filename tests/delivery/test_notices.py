"""What a stimulator's unasked-for messages mean for a session: every kind, armed and not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.interface import DeviceNotice, DeviceStatus, NoticeKind
from tms_console.delivery.gate import COIL_STOP_C, COIL_WARN_C
from tms_console.delivery.notices import Weight, judge_notice, judge_status

STATUS = DeviceStatus(0, True, False, 60, "C-B60", 24)


def notice(kind: NoticeKind, temperature_c: int | None = None) -> DeviceNotice:
    status = None if temperature_c is None else replace(STATUS, coil_temperature_c=temperature_c)
    return DeviceNotice(0, kind, "something happened", status)


@pytest.mark.parametrize(
    ("kind", "armed", "weight"),
    [
        (NoticeKind.INTENSITY, False, Weight.END),
        (NoticeKind.DISARMED, True, Weight.END),
        (NoticeKind.DISARMED, False, Weight.RECORD),
        (NoticeKind.ARMED, False, Weight.RECORD),
        (NoticeKind.COIL, False, Weight.END),
        (NoticeKind.SETTINGS, False, Weight.END),
        (NoticeKind.UNCOMMANDED, True, Weight.END),
        (NoticeKind.OTHER, True, Weight.ASK),
        (NoticeKind.LINK, True, Weight.RECORD),
    ],
)
def test_weight(kind: NoticeKind, armed: bool, weight: Weight) -> None:
    judged = judge_notice(notice(kind), armed=armed, warned=False)
    assert judged.weight is weight
    assert judged.sentence.startswith("something happened")


@pytest.mark.parametrize(
    ("temperature_c", "warned", "weight"),
    [
        (None, False, Weight.NOTHING),
        (COIL_WARN_C - 1, False, Weight.NOTHING),
        (COIL_WARN_C, False, Weight.RECORD),
        (COIL_WARN_C, True, Weight.NOTHING),
        (COIL_STOP_C - 1, True, Weight.NOTHING),
        (COIL_STOP_C, True, Weight.END),
        (90, False, Weight.END),
    ],
)
def test_a_warm_coil_is_told_once_and_a_hot_one_ends_the_session(
    temperature_c: int | None, warned: bool, weight: Weight
) -> None:
    told = notice(NoticeKind.TEMPERATURE, temperature_c)
    judged = judge_notice(told, armed=True, warned=warned)
    assert judged.weight is weight
    if weight is not Weight.NOTHING:
        assert f"{temperature_c} °C" in judged.sentence


def judge(status: DeviceStatus, *, armed: bool = True, pct: int | None = 60) -> str:
    return judge_status(status, armed=armed, intensity_pct_mso=pct, coil="C-B60")


def test_a_stimulator_that_stands_as_it_was_set_gives_nothing_to_say() -> None:
    assert judge(STATUS) == ""
    assert judge(replace(STATUS, armed=False), armed=False) == ""
    assert judge(replace(STATUS, intensity_pct_mso=7), pct=None) == ""
    assert judge(replace(STATUS, coil_temperature_c=None)) == ""


@pytest.mark.parametrize(
    ("status", "armed", "words"),
    [
        (replace(STATUS, intensity_pct_mso=50), True, "stands at 50 %MSO and was set to 60 %MSO"),
        (replace(STATUS, coil=""), True, "the coil is missing; the session began with C-B60"),
        (replace(STATUS, coil="MC-125"), True, "the coil is MC-125"),
        (replace(STATUS, coil_temperature_c=COIL_STOP_C), True, "must cool below 41 °C"),
        (replace(STATUS, armed=False), True, "is disarmed; the session had armed it"),
        (STATUS, False, "is armed, and not by this session"),
        (replace(STATUS, problem="No cooler."), True, "No cooler."),
    ],
)
def test_a_stimulator_that_stands_otherwise_ends_the_session(
    status: DeviceStatus, armed: bool, words: str
) -> None:
    assert words in judge(status, armed=armed)
