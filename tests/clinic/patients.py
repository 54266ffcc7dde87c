"""Patients, thresholds, forms and sessions for tests, on the record of a small clinic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from protocols.form_evaluation import DAILY, EARS, EXTRA, IDENTITY, SCREENING, form
from protocols.screening import AnswerValue, Form, ItemKind
from protocols.terms import Side, ThresholdKind
from tests.accounts.people import Clinic
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Role
from tms_console.clinic.adverse_events import AdverseEvent, What
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.patients import Medication, PatientDetails, Sex, add_patient
from tms_console.clinic.thresholds import Measurement, Method, record_threshold

MEASURED = "2026-11-16T09:00:00Z"

ANNA = PatientDetails(
    name="Anna Example",
    birth_date="1984-02-29",
    sex=Sex.FEMALE,
    record_number="A-1001",
    allergies=("latex",),
    alerts=("faints at the sight of blood",),
    medications=(Medication("sertraline", "50 mg in the morning"),),
)
BERT = PatientDetails("Bert Beispiel", "1990-07-01", Sex.MALE, "A-1002")


def at_the_patient(clinic: Clinic) -> Login:
    """Who does what a technician does in this clinic."""
    return clinic.people[Role.TECHNICIAN]


def some_patient(clinic: Clinic, details: PatientDetails = ANNA) -> str:
    """Put a patient on record; returns the patient's uid."""
    return add_patient(clinic.station, at_the_patient(clinic), details)


def measurement(patient_uid: str, value: int = 45, at: str = MEASURED, **other: Any) -> Measurement:
    return replace(
        Measurement(
            patient_uid=patient_uid,
            kind=ThresholdKind.RESTING_HAND,
            muscle="abductor pollicis brevis",
            side=Side.LEFT,
            coil="figure-8",
            method=Method.VISIBLE_TWITCH,
            algorithm="5 of 10",
            value_pct_mso=value,
            measured_at=at,
        ),
        **other,
    )


def some_threshold(
    clinic: Clinic, patient_uid: str, value: int = 45, at: str = MEASURED, **other: Any
) -> str:
    """Put a measured threshold on record; returns its uid."""
    measured = measurement(patient_uid, value, at, **other)
    return record_threshold(clinic.station, at_the_patient(clinic), measured)


def good_answers(form_id: str) -> dict[str, AnswerValue]:
    """Answers to the newest version of a form that ask for nothing."""
    return _good(form(form_id))


def answered(
    clinic: Clinic,
    patient_uid: str,
    form_id: str,
    changed: Mapping[str, AnswerValue] | None = None,
    session_uid: str | None = None,
) -> str:
    """Fill in a form with answers that ask for nothing but what is changed; returns its uid."""
    answers = good_answers(form_id) | dict(changed or {})
    filling = Filling(form_id, answers, session_uid)
    return fill_in(clinic.station, at_the_patient(clinic), patient_uid, filling)


def every_form(clinic: Clinic, patient_uid: str, session_uid: str | None = None) -> None:
    """Fill in everything that is asked before a session, with answers that ask for nothing."""
    answered(clinic, patient_uid, SCREENING)
    for form_id in (DAILY, IDENTITY, EARS, EXTRA):
        answered(clinic, patient_uid, form_id, session_uid=session_uid)


def adverse_event(patient_uid: str, what: What = What.HEADACHE, severity: int = 1) -> AdverseEvent:
    return AdverseEvent(patient_uid, what, severity, MEASURED)


def _good(asked: Form) -> dict[str, AnswerValue]:
    answers: dict[str, AnswerValue] = {}
    for item in asked.items:
        if item not in asked.asked(answers):
            continue
        asking = {*item.note_on, *item.physician_on, *item.absolute_on, *item.refuse_on}
        match item.kind:
            case ItemKind.NUMBER:
                answers[item.id] = (item.lowest + item.highest) // 2
            case ItemKind.TEXT:
                answers[item.id] = "nothing to tell"
            case _:
                word = next(one for one in reversed(item.words) if one not in asking)
                answers[item.id] = word == "yes" if item.kind is ItemKind.YES_NO else word
    return answers
