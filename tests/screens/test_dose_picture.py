"""The strips of a dose show the very schedule that is delivered."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from protocols.course_plan import CoursePhase, CoursePlan
from protocols.pattern import Ramp
from protocols.prescription import rehearsal_content
from protocols.protocol import load_library
from tms_console.screens.dose_picture import MOST_BARS, course_strip, dose_strips

COURSE = CoursePlan((CoursePhase.weekly(2, 5), CoursePhase.weekly(1, 3)), 1, 0, 600)


def test_theta_burst_is_thirty_ticks_in_a_train_and_twenty_trains_in_a_session() -> None:
    content = rehearsal_content(load_library()["itbs-600"], 45)
    train, session, course = dose_strips(content, COURSE, 6)
    assert len(train.bars) == 30
    assert train.label == "one train · 2 s · 30 pulses"
    assert train.bars[1].left - train.bars[0].left == pytest.approx(0.02 / 1.84)
    assert len(session.bars) == 20
    assert session.label == "session · 3:12 min · 20 trains · 600 pulses"
    assert [bar.done for bar in course.bars] == [True] * 6 + [False] * 7
    assert course.label.startswith("course · 13 sessions, 6 given · 5 sessions in 7 days, 2 times")


@pytest.mark.parametrize("protocol_id", sorted(load_library()))
def test_every_protocol_of_the_library_stays_inside_its_strip(protocol_id: str) -> None:
    content = rehearsal_content(load_library()[protocol_id], 40)
    strips = dose_strips(content, COURSE, 0)
    assert len(strips) == len(content.blocks) + 2
    for strip in strips:
        assert 1 <= len(strip.bars) <= MOST_BARS
        for bar in strip.bars:
            assert 0 <= bar.left <= bar.right <= 1 + 1e-9
            assert 0 < bar.height <= 1


def test_a_ramp_is_seen_in_the_height_of_the_first_trains() -> None:
    """A ramp that the picture hides would be signed unseen."""
    content = rehearsal_content(load_library()["itbs-600"], 45)
    (block,) = content.blocks
    ramped = replace(block, pattern=replace(block.pattern, ramp=Ramp(5, Fraction(4, 5))))
    session = dose_strips(replace(content, blocks=(ramped,)), COURSE, 0)[1]
    assert session.bars[0].height == pytest.approx(0.8, abs=0.01)
    assert session.bars[4].height == session.bars[-1].height == 1


def test_more_bars_than_a_screen_can_show_become_one_and_the_label_keeps_the_number() -> None:
    long = CoursePlan((CoursePhase(1, 366, MOST_BARS + 1),), 100, 0, 1)
    strip = course_strip(long, 0)
    assert len(strip.bars) == 1
    assert "401 sessions" in strip.label
