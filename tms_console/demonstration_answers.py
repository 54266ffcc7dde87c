"""What patients of a demonstration answer when nothing stands in the way; values only."""

from __future__ import annotations

from protocols.screening import AnswerValue

NO_SCREENING: dict[str, AnswerValue] = {
    "seizure": False,
    "fainting": False,
    "head_injury": False,
    "hearing": False,
    "cochlear_implant": False,
    "pregnancy": False,
    "metal": False,
    "neurostimulator": False,
    "cardiac": False,
    "infusion_device": False,
    "medications": False,
    "earlier_tms": "never",
    "earlier_mri": "yes, without problems",
}
A_GOOD_DAY: dict[str, AnswerValue] = {
    "metal_removed": True,
    "medication_change": False,
    "sleep": "as usual",
    "sleep_hours": 7,
    "alcohol": "none, as usual",
    "drugs": False,
    "caffeine": "as usual",
    "food": True,
    "anything_new": False,
}
RIGHT_PERSON: dict[str, AnswerValue] = {
    "name_stated": True,
    "birth_date_stated": True,
    "prescription_shown": True,
}
EARS_PROTECTED: dict[str, AnswerValue] = {"patient_protected": True, "operator_protected": True}
EXTRA_CHECK: dict[str, AnswerValue] = {
    "why": "one of the first sessions",
    "change_understood": True,
    "patient_told": True,
    "watched": True,
    "seizure_plan": True,
}
