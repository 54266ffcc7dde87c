"""Every permission of the clinic's own acts: granted to who has it, refused to everybody else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.form_evaluation import SCREENING
from protocols.terms import Side
from tests.clinic.patients import BERT, adverse_event, answered, good_answers, measurement
from tests.clinic.prescribing import Practice, make_practice, secret
from tests.clinic.test_attachments import PNG
from tms_console.accounts.errors import NotPermitted
from tms_console.accounts.login import Login, LoginLocked
from tms_console.accounts.roles import PERMISSIONS, Permission, Role
from tms_console.clinic.adverse_events import (
    HoldClearance,
    What,
    clear_hold,
    correct_adverse_event,
    record_adverse_event,
)
from tms_console.clinic.attachments import attach_photo, read_photo
from tms_console.clinic.forms import AnswersClearance, Filling, clear_answers, fill_in
from tms_console.clinic.patients import (
    add_patient,
    close_patient,
    edit_patient,
    find_patients,
    patient,
    reopen_patient,
)
from tms_console.clinic.positioning import (
    Method,
    Positioning,
    correct_positioning,
    record_positioning,
)
from tms_console.clinic.thresholds import (
    correct_threshold,
    record_threshold,
    withdraw_threshold,
)

Act = Callable[[Practice, Login], object]


def _seen(practice: Practice) -> tuple[str, str]:
    with practice.trusting() as trusted:
        found = patient(trusted, practice.patient_uid)
    return found.uid, found.details.name


def _edit(practice: Practice, login: Login) -> object:
    with practice.trusting() as trusted:
        found = patient(trusted, practice.patient_uid)
    details = replace(found.details, alerts=("left-handed",))
    return edit_patient(practice.station, login, found.uid, details)


def _reopen(practice: Practice, login: Login) -> object:
    closed = close_patient(practice.station, practice.technician, _seen(practice)[0], "moved")
    return reopen_patient(practice.station, login, closed)


def _read_photo(practice: Practice, login: Login) -> object:
    uid = attach_photo(practice.station, practice.technician, practice.patient_uid, PNG)
    return read_photo(practice.station, login, uid)


def _place(practice: Practice) -> Positioning:
    return Positioning(practice.patient_uid, Method.NAVIGATION, "left DLPFC", Side.LEFT)


def _correct_place(practice: Practice, login: Login) -> object:
    uid = record_positioning(practice.station, practice.technician, _place(practice))
    changed = replace(_place(practice), note="moved")
    return correct_positioning(practice.station, login, uid, changed, "slip")


def _clear_answers(practice: Practice, login: Login) -> object:
    uid = answered(practice.clinic, practice.patient_uid, SCREENING, {"cochlear_implant": True})
    cleared = AnswersClearance(uid, {"cochlear_implant": "taken out"})
    return clear_answers(practice.station, login, cleared, *secret(login))


def _correct_event(practice: Practice, login: Login) -> object:
    event = adverse_event(practice.patient_uid)
    uid = record_adverse_event(practice.station, practice.technician, event)
    return correct_adverse_event(
        practice.station, login, uid, replace(event, severity=2), "misread"
    )


def _clear_hold(practice: Practice, login: Login) -> object:
    event = adverse_event(practice.patient_uid, What.SEIZURE, 4)
    uid = record_adverse_event(practice.station, practice.technician, event)
    return clear_hold(practice.station, login, HoldClearance(uid, "seen"), *secret(login))


ACTS: list[tuple[str, Permission, Act]] = [
    ("find", Permission.READ_PATIENTS, lambda p, who: find_patients(p.station, who, "")),
    ("read photo", Permission.READ_PATIENTS, _read_photo),
    ("add", Permission.EDIT_PATIENT, lambda p, who: add_patient(p.station, who, BERT)),
    ("edit", Permission.EDIT_PATIENT, _edit),
    (
        "close",
        Permission.EDIT_PATIENT,
        lambda p, who: close_patient(p.station, who, _seen(p)[0], "moved"),
    ),
    ("reopen", Permission.EDIT_PATIENT, _reopen),
    (
        "attach",
        Permission.EDIT_PATIENT,
        lambda p, who: attach_photo(p.station, who, p.patient_uid, PNG),
    ),
    (
        "fill in",
        Permission.FILL_IN_FORM,
        lambda p, who: fill_in(
            p.station, who, p.patient_uid, Filling(SCREENING, good_answers(SCREENING))
        ),
    ),
    (
        "measure",
        Permission.RECORD_THRESHOLD,
        lambda p, who: record_threshold(p.station, who, measurement(p.patient_uid)),
    ),
    (
        "correct threshold",
        Permission.RECORD_THRESHOLD,
        lambda p, who: correct_threshold(
            p.station, who, p.threshold_uid, measurement(p.patient_uid, 46), "slip"
        ),
    ),
    (
        "withdraw threshold",
        Permission.RECORD_THRESHOLD,
        lambda p, who: withdraw_threshold(p.station, who, p.threshold_uid, "slip"),
    ),
    (
        "position",
        Permission.RECORD_POSITIONING,
        lambda p, who: record_positioning(p.station, who, _place(p)),
    ),
    ("correct position", Permission.RECORD_POSITIONING, _correct_place),
    (
        "report",
        Permission.RECORD_ADVERSE_EVENT,
        lambda p, who: record_adverse_event(p.station, who, adverse_event(p.patient_uid)),
    ),
    ("correct report", Permission.RECORD_ADVERSE_EVENT, _correct_event),
    ("clear answers", Permission.CLEAR_SCREENING, _clear_answers),
    ("clear hold", Permission.CLEAR_HOLD, _clear_hold),
]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("permission", "act"), [one[1:] for one in ACTS], ids=[a[0] for a in ACTS])
def test_an_act_is_granted_and_refused_as_the_table_says(
    tmp_path: Path, role: Role, permission: Permission, act: Act
) -> None:
    practice = make_practice(tmp_path)
    login = practice.clinic.people[role]

    if role in PERMISSIONS[permission]:
        assert act(practice, login)
    else:
        with pytest.raises(NotPermitted, match="may"):
            act(practice, login)


@pytest.mark.parametrize("act", [one[2] for one in ACTS], ids=[one[0] for one in ACTS])
def test_nothing_is_done_behind_a_locked_screen(tmp_path: Path, act: Act) -> None:
    practice = make_practice(tmp_path)
    login = practice.physician
    login.timer = copy.copy(login.timer)  # make_practice's copies of a login share one
    login.lock()

    with pytest.raises(LoginLocked):
        act(practice, login)
