"""The series of a search for a threshold: what may be said when, and that a record replays it."""

from __future__ import annotations

import json

import pytest

from protocols.canonical import ContentError
from protocols.finding_log import (
    Answered,
    Decided,
    Entry,
    FindingLog,
    MethodBegun,
    Placed,
    TakenBack,
    Verdict,
    entry_json,
    entry_of,
    marks,
    value_of,
)
from protocols.threshold import Answer, Settings

BEGUN = MethodBegun(Settings(highest_pct_mso=90))
MOVED, STILL, UNCLEAR = Answer.MOVED, Answer.STILL, Answer.UNCLEAR


def found(threshold: int = 52) -> FindingLog:
    """Return a finished series of somebody who moves from a threshold on."""
    log = FindingLog().with_entry(BEGUN)
    while (finding := log.finding) is not None and not finding.standing.finished:
        wanted = finding.next_intensity() or 0
        answer = MOVED if wanted >= threshold else STILL
        log = log.with_stimulus(wanted).with_entry(Answered(len(log.given) + 1, answer))
    return log


@pytest.mark.parametrize(
    "entry",
    [
        Placed(-4, 4),
        Answered(3, UNCLEAR),
        TakenBack(3),
        BEGUN,
        Decided(Verdict.ACCEPTED, 52),
        Decided(Verdict.REJECTED, None, "the coil slipped"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_entry_survives_its_own_record(entry: Entry) -> None:
    assert entry_of(json.loads(json.dumps(entry_json(entry)))) == entry


@pytest.mark.parametrize(
    "stored",
    [
        {"do": "shoot"},
        {"do": "placed", "column": 5, "row": 0},
        {"do": "answered", "stimulus": 1, "answer": "perhaps"},
        {"do": "taken back", "stimulus": 1, "more": 1},
        {"column": 1},
    ],
)
def test_what_states_no_entry_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ContentError):
        entry_of(stored)  # type: ignore[arg-type]


def test_an_answer_is_of_the_last_stimulus_and_is_given_once() -> None:
    log = FindingLog().with_stimulus(50)
    with pytest.raises(ContentError, match="not the last one: 1 were given"):
        log.with_entry(Answered(2, MOVED))
    answered = log.with_entry(Answered(1, MOVED))
    with pytest.raises(ContentError, match="take that back first"):
        answered.with_entry(Answered(1, STILL))


def test_an_answer_that_is_taken_back_is_as_if_it_was_never_given() -> None:
    log = FindingLog().with_entry(BEGUN).with_stimulus(66)
    mistaken = log.with_entry(Answered(1, STILL)).with_entry(TakenBack(1))
    assert mistaken.series == ()
    assert mistaken.taken_back == 1
    right, direct = (one.with_entry(Answered(1, MOVED)).finding for one in (mistaken, log))
    assert right is not None
    assert direct is not None
    assert right.standing == direct.standing
    with pytest.raises(ContentError, match="no answer to take back"):
        mistaken.with_entry(TakenBack(1))


def test_the_search_for_the_hotspot_marks_places_and_is_no_part_of_the_series() -> None:
    log = FindingLog()
    for place, answer in ((Placed(0, 0), STILL), (Placed(1, 0), MOVED), (Placed(1, 0), UNCLEAR)):
        log = log.with_entry(place).with_stimulus(60)
        log = log.with_entry(Answered(len(log.given), answer))
    assert marks(log) == {Placed(0, 0): (0, 1), Placed(1, 0): (1, 1)}
    log = log.with_entry(BEGUN)
    assert log.series == ()
    with pytest.raises(ContentError, match="stays on the hotspot"):
        log.with_entry(Placed(2, 0))


def test_the_method_does_not_begin_twice_or_amid_a_stimulus() -> None:
    with pytest.raises(ContentError, match="no answer yet"):
        FindingLog().with_stimulus(50).with_entry(BEGUN)
    with pytest.raises(ContentError, match="begun already"):
        FindingLog().with_entry(BEGUN).with_entry(BEGUN)


def test_only_the_value_that_the_series_gives_can_be_accepted() -> None:
    log = found()
    finding = log.finding
    assert finding is not None
    value = value_of(finding)
    assert value is not None
    assert abs(value - 52) <= 2
    with pytest.raises(ContentError, match=f"gives {value} %MSO"):
        log.with_entry(Decided(Verdict.ACCEPTED, value + 1))
    done = log.with_entry(Decided(Verdict.ACCEPTED, value))
    with pytest.raises(ContentError, match="decided on already"):
        done.with_entry(Decided(Verdict.REJECTED, None, "after all"))


def test_an_unfinished_series_can_be_rejected_with_a_reason_and_not_accepted() -> None:
    log = FindingLog().with_entry(BEGUN).with_stimulus(66).with_entry(Answered(1, MOVED))
    with pytest.raises(ContentError, match="no result that could be accepted"):
        log.with_entry(Decided(Verdict.ACCEPTED, 60))
    with pytest.raises(ContentError):
        log.with_entry(Decided(Verdict.REJECTED, None, ""))
    assert log.with_entry(Decided(Verdict.REJECTED, None, "he moved")).decided is not None
