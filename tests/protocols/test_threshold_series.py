"""Searches for a threshold as values: settings, answers added and undone, what is stored."""

from __future__ import annotations

import json

import pytest

from protocols.canonical import ContentError, canonical_text
from protocols.threshold import (
    DEFAULT,
    METHODS,
    Answer,
    Finding,
    MethodName,
    Prior,
    Settings,
    Stimulus,
)

MOVED, STILL, UNCLEAR = Answer.MOVED, Answer.STILL, Answer.UNCLEAR


def test_every_method_is_there_under_its_own_name_and_the_grid_is_the_default() -> None:
    assert set(METHODS) == set(MethodName)
    assert all(METHODS[name].name is name for name in MethodName)
    assert len({method.title for method in METHODS.values()}) == len(MethodName)
    assert DEFAULT is Settings().method is MethodName.BAYES


def test_what_is_stored_replays_to_the_same_search_bit_for_bit() -> None:
    settings = Settings(
        method=MethodName.BAYES,
        lowest_pct_mso=5,
        highest_pct_mso=90,
        largest_step_pct_mso=15,
        first_pct_mso=50,
        prior=Prior.last_threshold(44),
        most_stimuli=12,
    )
    finding = Finding(settings)
    for answer in (MOVED, UNCLEAR, STILL, MOVED, STILL):
        finding = finding.record(answer)
    finding = finding.record(MOVED, intensity_pct_mso=61)
    text = canonical_text(finding.as_record())
    replayed = Finding.replay(json.loads(text))
    assert replayed == finding
    assert replayed.standing == finding.standing
    assert replayed.digest() == finding.digest()
    assert [stimulus.answer for stimulus in replayed.series[:3]] == [MOVED, UNCLEAR, STILL]
    assert replayed.series[-1] == Stimulus(61, MOVED)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tag": "tms-else-1"}, "tag"),
        ({"series": [[42, "twitched"]]}, "no stimulus"),
        ({"series": [[101, "moved"]]}, "0 to 100"),
        ({"series": [[True, "moved"]]}, "whole number"),
        ({"series": [[42.0, "moved"]]}, "no stimulus"),
        ({"series": {}}, "is a list"),
        ({"settings": {}}, "settings"),
        ({"more": 1}, "more"),
    ],
)
def test_what_was_tampered_with_is_refused_by_the_name_of_the_field(
    change: dict[str, object], named: str
) -> None:
    stored = json.loads(canonical_text(Finding(Settings()).record(MOVED).as_record())) | change
    with pytest.raises(ContentError, match=named):
        Finding.replay(stored)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"lowest_pct_mso": 0}, "lowest_pct_mso"),
        ({"lowest_pct_mso": 60, "highest_pct_mso": 59}, "highest_pct_mso"),
        ({"highest_pct_mso": 101}, "highest_pct_mso"),
        ({"largest_step_pct_mso": 0}, "largest_step_pct_mso"),
        ({"first_pct_mso": 81, "highest_pct_mso": 80}, "first_pct_mso"),
        ({"lapse_per_mille": 201}, "lapse_per_mille"),
        ({"stop_half_width_per_mille": 4}, "stop_half_width_per_mille"),
        ({"most_stimuli": 0}, "most_stimuli"),
        ({"method": "guess"}, "no method"),
    ],
)
def test_settings_that_no_search_can_have_are_refused(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(ContentError, match=named):
        Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mean", "sd"), [(0, 6), (101, 6), (50, 0), (50, 101)])
def test_a_prior_is_a_threshold_and_a_spread(mean: int, sd: int) -> None:
    with pytest.raises(ContentError, match="prior"):
        Prior(mean, sd)


def test_a_mistaken_answer_undone_is_as_if_never_given_and_can_be_given_again() -> None:
    before = Finding(Settings()).record(MOVED).record(STILL)
    mistaken = before.record(MOVED)
    assert mistaken.standing != before.standing
    assert mistaken.undo() == before
    assert mistaken.undo().next_intensity() == before.next_intensity()
    assert mistaken.undo().record(STILL).series[-1].intensity_pct_mso == before.next_intensity()
    with pytest.raises(ContentError, match="no answer to undo"):
        Finding(Settings()).undo()


def test_a_finished_search_takes_only_a_stimulus_that_says_what_it_was() -> None:
    finished = Finding(Settings(most_stimuli=1)).record(UNCLEAR)
    assert finished.next_intensity() is None
    with pytest.raises(ContentError, match="finished"):
        finished.record(MOVED)
    assert finished.record(MOVED, intensity_pct_mso=50).series[-1] == Stimulus(50, MOVED)
