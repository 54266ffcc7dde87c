"""Adverse events as they are entered: one tap during a session, the whole of it afterwards.

What an event makes of its patient is told by `clinic.adverse_events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.canonical import ContentError
from tms_console.accounts.trust import Trusted
from tms_console.clinic.adverse_event import (
    LONGEST_S,
    SEVERITIES,
    AdverseEvent,
    Outcome,
    Relatedness,
    What,
)
from tms_console.clinic.forms import newest_answers

MILD, SEVERE = 1, 3
ONE_TAP = "One tap during the session; its severity is looked at afterwards."
SEIZURE_TAP = "The seizure button was pressed; the guided card follows."
SEIZURE_STEPS = (
    "The session is stopped. Move the coil away from the head.",
    "Call for help. Note the time: it is on the clock of this card.",
    "Protect the patient: clear the surroundings, loosen tight clothing. Nothing in the mouth, "
    "no restraint.",
    "Recovery position as soon as it can be done; keep the airway free.",
    "At five minutes: call the emergency services.",
    "Stay with the patient until full recovery.",
)
"""After clinical.md part 8, in own words."""
SYNCOPE_HINT = (
    "Syncope looks otherwise: pale, upright before, brief, fast recovery. Lay the patient flat."
)
EMERGENCY_AFTER_S = 300


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An adverse event while it is entered; texts as they stand in the fields."""

    what: What
    severity: int
    relatedness: Relatedness = Relatedness.NOT_JUDGED
    outcome: Outcome = Outcome.UNKNOWN
    minutes: str = ""
    action: str = ""
    description: str = ""

    def event(self, patient_uid: str, session_uid: str | None, onset: str) -> AdverseEvent:
        """Return the event.

        Raises:
            ContentError: Something in it cannot be; the sentence names it.
        """
        text = self.minutes.strip().replace(",", ".")
        try:
            seconds = None if not text else round(float(text) * 60)
        except (ValueError, OverflowError) as error:
            raise ContentError(
                f"The duration is {text[:20]!r}: it is a number of minutes, or empty."
            ) from error
        if seconds is not None and not 0 <= seconds <= LONGEST_S:
            raise ContentError(
                f"The duration is {text[:20]} minutes: 0 to {LONGEST_S // 60:,} can be, or nothing."
            )
        return AdverseEvent(
            patient_uid=patient_uid,
            what=self.what,
            severity=self.severity,
            onset=onset,
            description=self.description.strip(),
            duration_s=seconds,
            relatedness=self.relatedness,
            action=self.action.strip(),
            outcome=self.outcome,
            session_uid=session_uid,
        )

    @classmethod
    def of(cls, event: AdverseEvent) -> EventEntry:
        """Return the entry that an event was made of."""
        minutes = "" if event.duration_s is None else f"{event.duration_s / 60:g}"
        return cls(
            event.what,
            event.severity,
            event.relatedness,
            event.outcome,
            minutes,
            event.action,
            event.description,
        )


def severity_words() -> tuple[tuple[int, str], ...]:
    """Return every severity with its words."""
    return tuple((number, f"{number}  {words}") for number, words in SEVERITIES.items())


def risk_facts(trusted: Trusted, patient_uid: str) -> tuple[tuple[str, str], ...]:
    """Return what the daily check says of sleep, alcohol and drugs, for the seizure card."""
    found = newest_answers(trusted, patient_uid, "daily")
    if found is None:
        return ()
    answers: Mapping[str, object] = found.answers.answers
    items = {item.id: item for item in found.form.items}
    told = []
    for name, label in (
        ("sleep", "Sleep"),
        ("sleep_hours", "Hours of sleep"),
        ("alcohol", "Alcohol"),
        ("drugs", "Drugs not prescribed"),
        ("medication_change", "Medication changed"),
    ):
        value = answers.get(name)
        if name in items and isinstance(value, bool | int | str):
            told.append((label, items[name].word(value)))
    return tuple(told)


def card_description(facts: Mapping[str, str], steps: Mapping[str, str], note: str) -> str:
    """Return what the guided card puts on record, in words.

    Args:
        facts: Coil, intensity, pulses and what else was noted by the console.
        steps: Each step that was ticked with its time.
        note: What was written.
    """
    told = [f"{label}: {value}" for label, value in facts.items()]
    told += [f"{time}: {step}" for step, time in steps.items()]
    said = [*(one.rstrip(".") for one in told), note.strip().rstrip(".")]
    return ". ".join([*(one for one in said if one), ""]).strip()
