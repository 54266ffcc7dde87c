"""A clinic with something of all that an attacker would want to change, and copies of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.accounts.people import Clinic, first_password, make_clinic, password_of
from tests.accounts.tampering import Kept, copy_of, put_in_place
from tms_console.accounts.login import Login, log_in, sign
from tms_console.accounts.own_key import set_own_password
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning, ToSign
from tms_console.accounts.station import Station
from tms_console.accounts.users import deactivate, reset_password
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.database import open_database
from tms_console.records.heads import STATE_VARIABLE
from tms_console.records.private_files import CONFIG_VARIABLE
from tms_console.records.values import new_uid

AT = "2026-03-01T09:00:00.000000Z"


@dataclass
class World:
    """A clinic, who is in it, and what is on record."""

    station: Station
    logins: dict[str, Login]
    codes: dict[str, str]
    uids: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.station.database.path

    def add(self, kind: RecordKind, name: str, members: dict[str, Json], *, seal: str = "") -> str:
        """Put a record without a signature on record, and keep its uid under a name."""
        uid = self.uids[name] = new_uid()
        text = canonical_text({"tag": kind.tag, "uid": uid, **members})
        actor = self.logins["technician"].user_uid
        self.station.write(
            AddRecord(kind=kind, uid=uid, at=AT, actor=actor, content=text), seal=seal
        )
        return uid

    def digest(self, kind: RecordKind, name: str) -> str:
        with self.station.trusting() as trusted:
            record = trusted.record(kind, self.uids[name])
        assert record is not None
        return record.digest

    def approve(self, login: str, kind: RecordKind, name: str) -> str:
        """Let somebody sign that they approve something; return the signature's uid."""
        meaning = {
            RecordKind.PRESCRIPTION: Meaning.APPROVE_PRESCRIPTION,
            RecordKind.POLICY: Meaning.APPROVE_POLICY,
        }[kind]
        patient = self.uids["patient"] if kind is RecordKind.PRESCRIPTION else None
        to_sign = ToSign(meaning, self.uids[name], self.digest(kind, name), patient)
        signed = sign(
            self.station,
            self.logins[login],
            to_sign,
            password_of(login),
            login_name=login,
        )
        return signed.uid

    def enrolment(self, login: str) -> str:
        return self.logins[login].enrolment.uid


def patient(number: str) -> dict[str, Json]:
    return {
        "version": 1,
        "supersedes": None,
        "record_number": number,
        "name": "Pat Somebody",
        "birth_date": "1970-01-01",
    }


def add_patient(world: World, name: str, number: str) -> str:
    uid = self_uid = new_uid()
    content = canonical_text(
        {"tag": "tms-patient-1", "uid": uid, "patient_uid": self_uid} | patient(number)
    )
    world.uids[name] = uid
    actor = world.logins["technician"].user_uid
    world.station.write(
        AddRecord(kind=RecordKind.PATIENT, uid=uid, at=AT, actor=actor, content=content)
    )
    return uid


def add_prescription(world: World, name: str, patient_uid: str, pct: int) -> str:
    uid = world.uids[name] = new_uid()
    content = canonical_text(
        {
            "tag": "tms-prescription-1",
            "uid": uid,
            "prescription_uid": uid,
            "version": 1,
            "patient_uid": patient_uid,
            "supersedes": None,
            "session": {"protocol_id": "lf1-right", "intensity_pct_mt": pct},
        }
    )
    actor = world.logins["technician"].user_uid
    world.station.write(
        AddRecord(kind=RecordKind.PRESCRIPTION, uid=uid, at=AT, actor=actor, content=content)
    )
    return uid


def make_world(folder: Path) -> World:
    """Return a clinic in which much has happened."""
    clinic: Clinic = make_clinic(folder)
    logins = {role.value: login for role, login in clinic.people.items()}
    world = World(clinic.station, logins, clinic.codes)
    for login, role in (("second", Role.PHYSICIAN), ("gone", Role.PHYSICIAN)):
        logins[login] = clinic.add(login, role)
    first, other = add_patient(world, "patient", "P-1"), add_patient(world, "other", "P-2")
    add_prescription(world, "prescription", first, 110)
    add_prescription(world, "others", other, 110)
    add_prescription(world, "unapproved", first, 120)
    world.add(RecordKind.POLICY, "policy", {"version": 1, "supersedes": None, "most_pulses": 3000})
    world.uids["approval"] = world.approve("physician", RecordKind.PRESCRIPTION, "prescription")
    world.uids["policy approval"] = world.approve("second", RecordKind.POLICY, "policy")
    world.uids["gone approval"] = world.approve("gone", RecordKind.PRESCRIPTION, "unapproved")
    deactivate(clinic.station, clinic.administrator, logins["gone"].user_uid, "left the clinic")
    old = logins["second"]
    reset_password(clinic.station, clinic.administrator, old.user_uid, first_password("second"))
    new = set_own_password(
        clinic.station,
        log_in(clinic.station, "second", first_password("second")),
        password_of("second"),
    )
    logins["second before"], logins["second"] = old, new.login
    world.codes["second after reset"] = new.recovery_code
    world.add(
        RecordKind.ADVERSE_EVENT,
        "seizure",
        {
            "patient_uid": first,
            "session_uid": None,
            "what": "seizure",
            "severity": 4,
            "supersedes": None,
        },
        seal="an adverse event",
    )
    world.add(
        RecordKind.FORM_ANSWERS,
        "answers",
        {
            "form_id": "daily",
            "form_version": 1,
            "patient_uid": first,
            "answered_at": AT,
            "supersedes": None,
        },
    )
    return world


@dataclass(frozen=True)
class Template:
    """A world as it was left, to be copied for every test."""

    world: World
    file: bytes
    kept: Kept

    def copy(self, folder: Path) -> World:
        """Return the same world in a file, a state and a configuration folder of this test."""
        self.kept.put_back()
        path = folder / "clinic.db"
        put_in_place(path, self.file)
        station = replace(self.world.station, database=open_database(path))
        return World(
            station, dict(self.world.logins), dict(self.world.codes), dict(self.world.uids)
        )


def make_template(folder: Path) -> Template:
    """Return a world to copy; for a fixture of a module, before any test has folders of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(folder / "state"))
        patch.setenv(CONFIG_VARIABLE, str(folder / "configuration"))
        world = make_world(folder)
        return Template(world, copy_of(world.path), Kept.copied(folder))
