"""A version of the policy is proposed number by number, each inside its outer bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.canonical import ContentError
from tests.clinic.prescribing import Practice, make_practice
from tms_console.clinic.policies import propose_policy
from tms_console.screens.policy_form import INTERVAL, PolicyFormScreen, policy_form, policy_of


def shown(practice: Practice) -> PolicyFormScreen:
    with practice.trusting() as trusted:
        return policy_form(trusted)


def texts(screen: PolicyFormScreen, **changes: str) -> dict[str, str]:
    return {one.name: one.value for one in screen.numbers} | changes


def test_the_first_form_has_every_number_with_its_source_and_mark(tmp_path: Path) -> None:
    screen = shown(make_practice(tmp_path))
    assert (screen.version, screen.supersedes, screen.time_zone) == (1, None, "")
    assert len(screen.numbers) == 12
    assert all(one.source.endswith("]") and "usual:" in one.source for one in screen.numbers)


def test_the_next_form_begins_with_what_is_proposed_already(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    first = policy_of(shown(practice), "Europe/Berlin", "physician", texts(shown(practice)))
    propose_policy(practice.station, practice.physician, first)
    screen = shown(practice)
    assert (screen.version, screen.supersedes) == (2, first.uid)
    assert (screen.time_zone, screen.roles) == ("Europe/Berlin", "physician")
    changed = texts(screen, most_pulses_a_day="9000", **{INTERVAL: "2,5"})
    second = policy_of(screen, screen.time_zone, "both", changed)
    assert second.most_pulses_a_day == 9000
    assert float(second.threshold_finding.shortest_interval_s) == 2.5
    propose_policy(practice.station, practice.clinic.administrator, second)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"screening_days": "many"}, "'many' is no number"),
        ({"screening_days": "7.5"}, "it is a whole number"),
        ({"screening_days": ""}, "is no number"),
        ({INTERVAL: "0.5"}, "it is 1 to 60 s"),
        ({"extra_check_sessions": "1"}, "extra_check_sessions is 1"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_name(
    tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    screen = shown(make_practice(tmp_path))
    with pytest.raises(ContentError, match=sentence):
        policy_of(screen, "Europe/Berlin", "both", texts(screen, **changes))


def test_a_time_zone_that_there_is_not_is_refused(tmp_path: Path) -> None:
    screen = shown(make_practice(tmp_path))
    with pytest.raises(ContentError, match="time_zone"):
        policy_of(screen, "Nowhere", "both", texts(screen))
