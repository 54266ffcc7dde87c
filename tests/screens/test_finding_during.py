"""What the Threshold page says at each moment of a search, and what may be pressed then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.finding_content import Aim, Seen
from protocols.finding_log import Answered, FindingLog, MethodBegun, Placed
from protocols.policy_proposal import proposed_policy
from protocols.terms import Side, ThresholdKind
from protocols.threshold import DEFAULT, Answer, Settings
from tms_console.delivery.snapshot import Snapshot
from tms_console.screens.finding_during import (
    FindingScreen,
    Now,
    Searching,
    finding_screen,
    place_words,
)

OF = Searching(
    "patient",
    "Paula Example",
    Aim(ThresholdKind.RESTING_HAND, "right APB", Side.LEFT, "figure-8", Seen.VISIBLE_TWITCH),
    proposed_policy("01a206b4-a379-7359-9c85-9780e601805f", "Europe/Berlin"),
    DEFAULT,
    None,
)
WAITS = Snapshot(
    state="paused",
    reason="waiting",
    at_ns=10_000_000_000,
    ends_ns=0,
    planned=200,
    delivered=0,
    unknown=0,
    unplanned=0,
    train=1,
    trains=201,
    block=1,
    intensity_pct_mso=50,
    next_due_ns=0,
    coil_temperature_c=22,
    heard_ns=10_000_000_000,
    order_from_ns=9_000_000_000,
)
BEGUN = MethodBegun(Settings(highest_pct_mso=90))


def shown(
    log: FindingLog | None = None, snapshot: Snapshot | None = WAITS, **more: object
) -> FindingScreen:
    log = log or FindingLog()
    finding = log.finding
    now = Now(snapshot, log, None if finding is None else finding.standing, WAITS.at_ns, 50)
    return finding_screen(OF, replace(now, **more))  # type: ignore[arg-type]


def allowed(screen: FindingScreen) -> set[str]:
    """Return what may be pressed."""
    names = ("stimulate", "answer", "take_back", "move", "begin", "decide")
    return {name for name in names if getattr(screen, f"can_{name}")}


def found() -> FindingLog:
    log = FindingLog().with_entry(BEGUN)
    while (finding := log.finding) is not None and not finding.standing.finished:
        wanted = finding.next_intensity() or 0
        seen = Answer.MOVED if wanted >= 52 else Answer.STILL
        log = log.with_stimulus(wanted).with_entry(Answered(len(log.given) + 1, seen))
    return log


def test_nothing_can_be_pressed_before_the_search_is_on_record() -> None:
    screen = shown(snapshot=None)
    assert allowed(screen) == set()
    assert screen.word == "STARTING"


def test_the_search_for_the_hotspot_lets_the_coil_and_the_intensity_move() -> None:
    screen = shown()
    assert allowed(screen) == {"stimulate", "move", "decide"}
    assert screen.searching


def test_after_a_stimulus_only_its_answer_is_asked_for() -> None:
    screen = shown(FindingLog().with_stimulus(50))
    assert allowed(screen) == {"answer"}
    assert screen.word == "DID IT MOVE?"


def test_an_answer_can_be_taken_back_until_the_next_stimulus_is_ordered() -> None:
    log = FindingLog().with_stimulus(50).with_entry(Answered(1, Answer.MOVED))
    assert allowed(shown(log)) == {"stimulate", "take_back", "move", "begin", "decide"}
    assert allowed(shown(log, ordered=2)) == set()


@pytest.mark.parametrize("state", ["resting", "checking", "arming", "armed", "delivering"])
def test_while_a_stimulus_comes_nothing_else_can_be_pressed(state: str) -> None:
    screen = shown(snapshot=replace(WAITS, state=state), ordered=1)
    assert allowed(screen) == set()
    assert screen.word == "STIMULUS COMES"


def test_no_stimulus_before_the_shortest_interval_is_over_and_the_page_says_how_long() -> None:
    screen = shown(snapshot=replace(WAITS, order_from_ns=WAITS.at_ns + 1_200_000_000))
    assert not screen.can_stimulate
    assert screen.wait == "next in 1.2 s"


def test_no_stimulus_before_the_intensity_was_read_back() -> None:
    screen = shown(wanted_pct_mso=55)
    assert not screen.can_stimulate
    assert screen.set_words == "being set to 55"


def test_no_more_stimuli_than_the_policy_allows_and_the_page_says_so() -> None:
    most = OF.policy.threshold_finding.most_stimuli
    log = FindingLog()
    for number in range(1, most + 1):
        assert shown(log).can_stimulate
        log = log.with_stimulus(50).with_entry(Answered(number, Answer.STILL))
    screen = shown(log)
    assert not screen.can_stimulate
    assert screen.hint == "The policy allows no more stimuli in one series."
    assert screen.stimuli == f"{most} of at most {most} stimuli"


def test_no_stimulus_while_the_method_computes() -> None:
    log = FindingLog().with_entry(BEGUN)
    screen = shown(log, standing=None)
    assert not screen.can_stimulate
    assert screen.sentence == "Computing ..."


def test_where_it_stands_is_one_plain_sentence() -> None:
    log = FindingLog().with_entry(BEGUN).with_stimulus(66)
    log = log.with_entry(Answered(1, Answer.MOVED))
    finding = log.finding
    assert finding is not None
    told = finding.standing
    assert told.estimate_pct_mso is not None
    assert shown(log).sentence == (
        f"{told.estimate_pct_mso:.0f} %MSO, between {told.low:.0f} and {told.high:.0f}; "
        f"about {told.about_more} more"
    )


def test_a_finished_search_offers_its_value_and_no_further_stimulus() -> None:
    log = found()
    finding = log.finding
    assert finding is not None
    screen = shown(log)
    assert allowed(screen) == {"take_back", "decide"}
    assert screen.word == "FOUND"
    assert screen.value is not None
    assert abs(screen.value - 52) <= 2
    assert "more" not in screen.sentence


def test_places_are_told_in_words() -> None:
    assert place_words(Placed(0, 0)) == "in the middle"
    assert place_words(Placed(-2, 1)) == "1 cm front, 2 cm left"
    assert place_words(Placed(3, -1)) == "1 cm back, 3 cm right"
