"""Adverse events as they are entered, and the words of the seizure card."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.canonical import ContentError
from tests.delivery.treatments import make_ready
from tms_console.clinic.adverse_event import Outcome, What
from tms_console.records.values import new_uid
from tms_console.screens.treat_event import (
    SEIZURE_STEPS,
    EventEntry,
    card_description,
    risk_facts,
    severity_words,
)

ONSET = "2026-11-23T10:42:00.000000Z"


def test_an_entry_becomes_the_event_that_it_says() -> None:
    entry = EventEntry(What.HEADACHE, 2, outcome=Outcome.RECOVERED, minutes="2,5", action=" rest ")
    event = entry.event(new_uid(), None, ONSET)
    assert (event.duration_s, event.action, event.severity) == (150, "rest", 2)
    assert EventEntry.of(event) == EventEntry(
        What.HEADACHE, 2, outcome=Outcome.RECOVERED, minutes="2.5", action="rest"
    )


@pytest.mark.parametrize("minutes", ["soon", "1e999", "nan"])
def test_a_duration_that_is_no_number_is_refused_in_words(minutes: str) -> None:
    with pytest.raises(ContentError, match="number of minutes"):
        EventEntry(What.HEADACHE, 1, minutes=minutes).event(new_uid(), None, ONSET)


@pytest.mark.parametrize("minutes", ["-1", "1234567890"])
def test_a_duration_that_cannot_be_is_refused_in_minutes(minutes: str) -> None:
    with pytest.raises(ContentError, match=f"The duration is {minutes} minutes: 0 to 527,040"):
        EventEntry(What.HEADACHE, 1, minutes=minutes).event(new_uid(), None, ONSET)


def test_an_event_of_no_list_says_what_it_is() -> None:
    with pytest.raises(ContentError, match="say what happened"):
        EventEntry(What.OTHER, 1).event(new_uid(), None, ONSET)


def test_every_severity_has_its_words() -> None:
    assert severity_words()[3] == (3, "3  severe")


def test_the_card_puts_what_the_console_knew_and_what_was_ticked_into_words() -> None:
    told = card_description(
        {"Coil": "figure-8", "Pulses given": "90 of 600"}, {SEIZURE_STEPS[0]: "0:12"}, "both arms"
    )
    assert told == (
        f"Coil: figure-8. Pulses given: 90 of 600. 0:12: {SEIZURE_STEPS[0].rstrip('.')}. both arms."
    )
    assert card_description({}, {}, "") == ""


def test_sleep_and_alcohol_come_from_the_check_of_the_day(tmp_path: Path) -> None:
    ready = make_ready(tmp_path, short=True)
    with ready.trusting() as trusted:
        facts = dict(risk_facts(trusted, ready.patient_uid))
        assert risk_facts(trusted, new_uid()) == ()
    assert facts["Hours of sleep"] == "8 h"
    assert facts["Medication changed"] == "no"
