"""Beside the database lies what the next start reads in: only this console may have written it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.accounts.people import CHEAP, Clinic, make_clinic
from tms_console.accounts.credentials import new_credential
from tms_console.accounts.envelope import ConsoleEnvelope, envelope_of
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.roles import Role
from tms_console.clock import RealClock
from tms_console.delivery.recovery import recover
from tms_console.records.left_behind import UnsavedHeader, unsaved_path
from tms_console.records.operations import AuditNote, Operation, new_uid, to_json
from tms_console.records.reconcile import reconcile
from tms_console.records.unsaved import Envelope, UnsavedFile, read_unsaved

NOTE = AuditNote(
    uid=new_uid(), actor="console", action="login.ok", subject="user:x", detail="forged"
)


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path, Role.PHYSICIAN)


def header(clinic: Clinic) -> UnsavedHeader:
    database = clinic.station.database
    return UnsavedHeader(
        new_uid(), database.uid, database.console_uid, "2026-01-01T00:00:00Z", "memory", "magpro"
    )


def leave(clinic: Clinic, envelope: Envelope | None, *operations: Operation) -> None:
    file = UnsavedFile.create(clinic.path, header(clinic), 4096, envelope)
    file.append(operations)
    file.keep()


def notes(clinic: Clinic) -> list[str]:
    with clinic.station.database.reading() as connection:
        query = "SELECT detail FROM audit WHERE action = 'login.ok'"
        return [str(one) for one in connection.exec_driver_sql(query).scalars()]


def test_lines_of_this_console_are_read_in_and_are_not_in_clear(clinic: Clinic) -> None:
    envelope = envelope_of(clinic.station.database)
    assert envelope is not None
    leave(clinic, envelope, NOTE)
    assert b"forged" not in unsaved_path(clinic.path).read_bytes()
    left = read_unsaved(clinic.path, envelope)
    assert left is not None
    assert left.operations == (NOTE,)

    recover(clinic.path, RealClock())

    assert any("forged" in one for one in notes(clinic))
    with clinic.station.trusting():
        pass


@pytest.mark.parametrize("sealed", ["in clear", "another key", "another session"])
def test_lines_that_somebody_else_wrote_are_not_read_in(clinic: Clinic, sealed: str) -> None:
    """Otherwise whoever can write beside the database could put anything on record."""
    own = envelope_of(clinic.station.database)
    assert own is not None
    match sealed:
        case "in clear":
            leave(clinic, None, NOTE)
        case "another key":
            leave(clinic, ConsoleEnvelope(PrivateKey.new()), NOTE)
        case _:
            head = json.dumps(asdict(header(clinic))).encode()
            line = own.close(to_json(NOTE), new_uid())
            unsaved_path(clinic.path).write_bytes(head + b"\n" + line + b"\n")

    recovery = recover(clinic.path, RealClock())

    assert not any("forged" in one for one in notes(clinic))
    assert any("this console did not write it" in one for one in recovery.sentences)
    with clinic.station.trusting():
        pass


def test_without_this_consoles_key_nothing_of_a_clinic_is_read_in(clinic: Clinic) -> None:
    leave(clinic, None, NOTE)
    report = reconcile(clinic.station.database)
    assert report is not None
    assert "keeps no key" in report.problems[0]
    assert not any("forged" in one for one in notes(clinic))


def test_a_password_is_never_set_from_beside(clinic: Clinic) -> None:
    physician = clinic.people[Role.PHYSICIAN]
    assert clinic.station.hashing.cost == CHEAP
    credential = new_credential(
        clinic.station, physician.user_uid, "mallory 4711", PrivateKey.new(), by=physician.user_uid
    )
    leave(clinic, envelope_of(clinic.station.database), credential)
    recovery = recover(clinic.path, RealClock())
    assert any("never set from beside" in one for one in recovery.sentences)
