"""Everything signed is checked at its place, and every session against what it rested on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.accounts.people import Clinic, make_clinic, password_of
from tests.accounts.ready import ready_clinic
from tests.accounts.sessions import (
    Treatment,
    add_policy,
    add_prescription,
    deliver,
    give,
    order,
    prescribe,
    say,
)
from tests.records.recording import new_database
from tests.records.recording import tampering as hand
from tms_console.accounts.anchor import anchor_path, new_anchor
from tms_console.accounts.clock_corrections import correct_clock
from tms_console.accounts.errors import AccountsRefused
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.public_anchors import export_anchor, own_anchor, read_exported
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import SESSION, Meaning, ToSign
from tms_console.accounts.statements import statement
from tms_console.accounts.users import deactivate
from tms_console.accounts.verification import verify_accounts
from tms_console.accounts.whole_file import verify_whole
from tms_console.records.canonical import Json
from tms_console.records.clinical import RecordKind
from tms_console.records.database import Database, Purpose
from tms_console.records.operations import SessionKind, new_uid
from tms_console.records.transactions import write_now


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return ready_clinic(tmp_path, Role.PHYSICIAN, Role.TECHNICIAN)


def wrong(clinic: Clinic) -> dict[str, str]:
    """Return what is found wrong in a clinic's database, by row."""
    found = verify_accounts(clinic.path, clinic.station.anchor.public).findings
    rows: dict[str, str] = {}
    for one in found:
        rows[one.row] = f"{rows[one.row]}; {one.sentence}" if one.row in rows else one.sentence
    return rows


def test_an_honest_clinic_has_nothing_wrong(clinic: Clinic) -> None:
    """A deactivated signer's signatures stay what they were, and so do sessions that rested on
    them."""
    treatment = prescribe(clinic)
    deliver(clinic, treatment)
    say(clinic, Meaning.WITHDRAW_PRESCRIPTION, treatment.prescription, treatment.patient)
    physician = clinic.people[Role.PHYSICIAN]
    deactivate(clinic.station, clinic.administrator, physician.user_uid, "left the clinic")
    clinic.wall.set("2020-01-01T00:00:00.000000Z")
    correct_clock(clinic.station, clinic.administrator, "battery", password_of("administrator"))

    answer = verify_whole(clinic.path)

    assert answer.findings == ()
    assert answer.sound
    assert answer.accounts.bound == 1
    assert answer.accounts.statements > 20
    assert "who can write the file" in answer.reach


def test_the_bare_file_says_how_far_its_word_reaches(clinic: Clinic) -> None:
    deliver(clinic, prescribe(clinic))

    answer = verify_accounts(clinic.path, None)

    assert answer.findings == ()
    assert "taken from the file itself" in answer.reach


def test_a_rehearsal_database_has_no_accounts_to_check(tmp_path: Path) -> None:
    answer = verify_accounts(new_database(tmp_path).path, None)

    assert (answer.findings, answer.reach) == ((), "")


def test_a_file_of_another_console_is_foreign(clinic: Clinic, tmp_path: Path) -> None:
    """The whole file replaced by a consistent one: its own keys are worth nothing here."""
    folder = tmp_path / "other"
    folder.mkdir()
    elsewhere = make_clinic(folder)

    found = verify_accounts(elsewhere.path, clinic.station.anchor.public).findings

    assert [one.row for one in found] == ["the file"]
    assert "another" in found[0].sentence


def test_enrolments_that_lead_to_another_key_are_named(clinic: Clinic) -> None:
    public = clinic.station.anchor.public
    other = replace(public, first_administrator_key=PrivateKey.new().public_hex)

    found = {one.row for one in verify_accounts(clinic.path, other).findings}

    with clinic.station.trusting() as trusted:
        everybody = {f"enrolment {one.uid}" for one in trusted.book.all()}
        users = {f"user {one.uid}" for one in trusted.records(RecordKind.USER)}
    assert everybody | users <= found


def test_seals_of_another_key_are_named(clinic: Clinic) -> None:
    public = clinic.station.anchor.public
    other = replace(public, console_public_key=PrivateKey.new().public_hex)

    found = verify_accounts(clinic.path, other).findings

    assert found
    assert all(one.row.startswith("seal ") for one in found)
    assert "does not hold under the key" in found[0].sentence


def _not_approved(clinic: Clinic) -> str:
    return deliver(clinic, prescribe(clinic, approved=False))


def _withdrawn(clinic: Clinic) -> str:
    treatment = prescribe(clinic)
    say(clinic, Meaning.WITHDRAW_PRESCRIPTION, treatment.prescription, treatment.patient)
    return deliver(clinic, treatment)


def _superseded(clinic: Clinic) -> str:
    treatment = prescribe(clinic)
    first = treatment.prescription
    second = add_prescription(clinic, treatment.patient, supersedes=first, of=first.uid)
    say(clinic, Meaning.APPROVE_PRESCRIPTION, second, treatment.patient)
    return deliver(clinic, treatment)


def _signer_deactivated(clinic: Clinic) -> str:
    treatment = prescribe(clinic)
    physician = clinic.people[Role.PHYSICIAN]
    deactivate(clinic.station, clinic.administrator, physician.user_uid, "left the clinic")
    return deliver(clinic, treatment)


def _no_authority(clinic: Clinic) -> str:
    treatment, uid = prescribe(clinic), new_uid()
    order(clinic, treatment, uid)
    give(clinic, treatment, uid, authority_uid=new_uid())
    return uid


def _other_digest(clinic: Clinic) -> str:
    treatment, uid = prescribe(clinic), new_uid()
    order(clinic, treatment, uid)
    give(clinic, treatment, uid, authority_digest="0" * 64)
    return uid


def _treatment_on_a_policy(clinic: Clinic) -> str:
    treatment = replace(prescribe(clinic), prescription=add_policy(clinic))
    say(clinic, Meaning.APPROVE_POLICY, treatment.prescription)
    return deliver(clinic, treatment)


def _not_ordered(clinic: Clinic) -> str:
    uid = new_uid()
    give(clinic, prescribe(clinic), uid)
    return uid


def _ordered_afterwards(clinic: Clinic) -> str:
    treatment, uid = prescribe(clinic), new_uid()
    give(clinic, treatment, uid)
    order(clinic, treatment, uid)
    return uid


def _order_for_another_patient(clinic: Clinic) -> str:
    treatment, other, uid = prescribe(clinic), prescribe(clinic), new_uid()
    order(clinic, treatment, uid, patient_uid=other.patient.uid)
    give(clinic, treatment, uid)
    return uid


def _another_technician(clinic: Clinic) -> str:
    treatment, uid = prescribe(clinic), new_uid()
    order(clinic, treatment, uid)
    give(clinic, treatment, uid, technician_uid=clinic.administrator.user_uid)
    return uid


def _another_threshold(clinic: Clinic) -> str:
    treatment, other, uid = prescribe(clinic), prescribe(clinic), new_uid()
    order(clinic, treatment, uid)
    give(clinic, treatment, uid, threshold_uid=other.threshold.uid)
    return uid


def _order_by_nobody_who_may(clinic: Clinic) -> str:
    """Signed with an administrator's real key, past the check that the console makes."""
    treatment, uid = prescribe(clinic), new_uid()
    administrator = clinic.administrator
    content = {"uid": new_uid(), "enrolment_uid": administrator.enrolment.uid, "at": "2026-01-01"}
    clinic.station.write(
        statement(
            RecordKind.START_ORDER,
            content | treatment.ordered(uid).canonical(),
            administrator.key(),
            at=clinic.station.wall(),
            actor=administrator.user_uid,
        )
    )
    give(clinic, treatment, uid, technician_uid=administrator.user_uid)
    return uid


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_not_approved, "was not approved when it began"),
        (_withdrawn, "the last word on it was: I withdraw this prescription"),
        (_superseded, "was superseded by"),
        (_signer_deactivated, "was not active any more"),
        (_no_authority, "is no prescription or policy on record"),
        (_other_digest, "is not what was signed for it"),
        (_treatment_on_a_policy, "only a prescription allows one"),
        (_not_ordered, "nobody ordered it"),
        (_ordered_afterwards, "was put on record after it began"),
        (_order_for_another_patient, "is for patient"),
        (_another_technician, "its technician_uid is"),
        (_another_threshold, "its threshold_uid is"),
        (_order_by_nobody_who_may, "nobody ordered it"),
    ],
)
def test_a_session_that_does_not_rest_on_what_was_signed_is_named(
    clinic: Clinic, make: Callable[[Clinic], str], words: str
) -> None:
    """Each is on record properly, chain and all: only the signatures show it."""
    sound = prescribe(clinic)
    honest = deliver(clinic, sound)

    uid = make(clinic)

    assert words in wrong(clinic)[f"session {uid}"]
    assert f"session {honest}" not in wrong(clinic)


def test_threshold_finding_rests_on_a_policy(clinic: Clinic) -> None:
    treatment = replace(prescribe(clinic), prescription=add_policy(clinic))
    uid = new_uid()
    order(clinic, treatment, uid)
    give(clinic, treatment, uid, kind=SessionKind.THRESHOLD)

    assert "was not approved" in wrong(clinic)[f"session {uid}"]

    say(clinic, Meaning.APPROVE_POLICY, treatment.prescription)
    later = new_uid()
    order(clinic, treatment, later)
    give(clinic, treatment, later, kind=SessionKind.THRESHOLD)
    assert f"session {later}" not in wrong(clinic)


def _forged_signature(clinic: Clinic, treatment: Treatment, **changed: str) -> str:
    """Sign an approval with the technician's own key, whatever it says of itself."""
    login = clinic.people[Role.TECHNICIAN]
    to_sign = ToSign(
        Meaning.APPROVE_PRESCRIPTION,
        treatment.prescription.uid,
        treatment.ordered(new_uid()).authority_digest,
        treatment.patient.uid,
    )
    uid = new_uid()
    content = to_sign.content(uid, login.enrolment, "2026-03-01T09:00:00Z") | changed
    clinic.station.write(
        statement(
            RecordKind.SIGNATURE,
            content,
            login.key(),
            at=clinic.station.wall(),
            actor=login.user_uid,
        )
    )
    return uid


def test_a_signature_that_does_not_hold_is_named_and_approves_nothing(clinic: Clinic) -> None:
    treatment = prescribe(clinic, approved=False)
    physician = clinic.people[Role.PHYSICIAN].enrolment

    own = _forged_signature(clinic, treatment)
    stolen = _forged_signature(
        clinic,
        treatment,
        enrolment_uid=physician.uid,
        name=physician.name,
        role=physician.role.value,
    )
    nonsense = _forged_signature(clinic, treatment, meaning="I like it")
    session = deliver(clinic, treatment)

    found = wrong(clinic)
    assert "is technician and cannot say" in found[f"signature {own}"]
    assert "does not hold under the key" in found[f"signature {stolen}"]
    assert "I like it" in found[f"signature {nonsense}"]
    assert "was not approved" in found[f"session {session}"]


def test_a_signature_under_a_session_is_checked_against_its_closing_entry(clinic: Clinic) -> None:
    treatment = prescribe(clinic)
    uid = deliver(clinic, treatment)
    technician = clinic.people[Role.TECHNICIAN]
    with clinic.station.trusting() as trusted:
        digest = trusted.sessions[uid].closing_digest
        head: dict[str, Json] = {"seq": trusted.head.seq, "hash": trusted.head.hash}
    for stated in (digest, "0" * 64):
        to_sign = ToSign(Meaning.DELIVERED, uid, stated, treatment.patient.uid, head=head)
        content = to_sign.content(new_uid(), technician.enrolment, "2026-03-01T09:00:00Z")
        assert content["subject_kind"] == SESSION
        clinic.station.write(
            statement(
                RecordKind.SIGNATURE,
                content,
                technician.key(),
                at=clinic.station.wall(),
                actor=technician.user_uid,
            )
        )

    found = wrong(clinic)

    assert len(found) == 1
    assert "the session is not the one that was signed" in next(iter(found.values()))


def test_statements_about_the_file_by_somebody_who_may_not_are_named(clinic: Clinic) -> None:
    physician = clinic.people[Role.PHYSICIAN]
    names = []
    with clinic.station.trusting() as trusted:
        head = trusted.head
    said: tuple[tuple[RecordKind, dict[str, Json]], ...] = (
        (RecordKind.RESTORE, {"present_seq": head.seq, "present_hash": head.hash}),
        (RecordKind.CLOCK_CORRECTION, {"newest_at": "2026-01-01T00:00:00Z", "reason": "so"}),
    )
    for kind, more in said:
        uid = new_uid()
        content: dict[str, Json] = {"uid": uid, "enrolment_uid": physician.enrolment.uid, **more}
        at = clinic.station.wall()
        clinic.station.write(
            statement(kind, content, physician.key(), at=at, actor=physician.user_uid)
        )
        names.append(f"{kind} {uid}")

    found = wrong(clinic)

    assert sorted(found) == sorted(names)
    assert all("is physician and may not" in sentence for sentence in found.values())


def test_a_restore_that_speaks_of_another_place_is_named(clinic: Clinic) -> None:
    administrator = clinic.administrator
    uid = new_uid()
    content: dict[str, Json] = {
        "uid": uid,
        "enrolment_uid": administrator.enrolment.uid,
        "present_seq": 3,
        "present_hash": "0" * 64,
    }
    at = clinic.station.wall()
    clinic.station.write(
        statement(
            RecordKind.RESTORE, content, administrator.key(), at=at, actor=administrator.user_uid
        )
    )

    assert "did not end at the row before it" in wrong(clinic)[f"restore {uid}"]


def _seal(clinic: Clinic, **changed: Json) -> str:
    """Write a seal with the console's own key that says something else than what is there."""
    with clinic.station.trusting() as trusted:
        newest = trusted.records(RecordKind.SEAL)[-1]
    uid = new_uid()
    content = newest.values | {"uid": uid, "sealed_seq": newest.seq} | changed
    content.pop("tag")
    record = statement(
        RecordKind.SEAL, content, clinic.station.anchor.key, at=newest.at, actor="console"
    )
    write_now(clinic.station.database, record, wall=clinic.wall)
    return f"seal {uid}"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "is not the one that was signed"),
        ({"sealed_seq": 9_999}, "a row that was not there"),
        ({"database_uid": "x"}, "of another database or console"),
    ],
)
def test_a_seal_that_says_something_else_is_named(
    clinic: Clinic, changed: dict[str, Json], words: str
) -> None:
    """Only who holds the console's key can write one; a bug of the console's own shows too."""
    name = _seal(clinic, **changed)

    assert words in wrong(clinic)[name]


def test_a_seal_over_another_registry_is_named(clinic: Clinic) -> None:
    with clinic.station.trusting() as trusted:
        row = trusted.head
    name = _seal(clinic, sealed_seq=row.seq, sealed_hash=row.hash)

    assert "entries were removed, added or replaced" in wrong(clinic)[name]


def test_a_content_that_cannot_be_read_is_named(clinic: Clinic) -> None:
    """The tables compute columns from it, so that rubbish needs another table of the same name."""
    with hand(clinic.path) as connection:
        connection.execute("DROP TABLE threshold")
        connection.execute("CREATE TABLE threshold (id, uid, seq, at, actor, content)")
        connection.execute("INSERT INTO threshold VALUES (1, 'x', 99, '', '', 'rubbish')")

    assert wrong(clinic) == {"threshold x": "its content cannot be read"}


def test_a_signature_on_another_chain_is_named(clinic: Clinic) -> None:
    """Who rewrites the chain and signs with a real key of an older copy is told apart by this."""
    treatment = prescribe(clinic)
    physician = clinic.people[Role.PHYSICIAN]
    to_sign = ToSign(
        Meaning.WITHDRAW_PRESCRIPTION,
        treatment.prescription.uid,
        treatment.ordered(new_uid()).authority_digest,
        treatment.patient.uid,
        head={"seq": 3, "hash": "0" * 64},
    )
    uid, at = new_uid(), clinic.station.wall()
    content = to_sign.content(uid, physician.enrolment, at)
    clinic.station.write(
        statement(RecordKind.SIGNATURE, content, physician.key(), at=at, actor=physician.user_uid)
    )

    assert "the chain before it was replaced" in wrong(clinic)[f"signature {uid}"]


def test_a_file_whose_first_row_is_gone_is_still_told_about(clinic: Clinic) -> None:
    """Nothing can then be said of the signatures, and that is said."""
    with hand(clinic.path) as connection:
        connection.execute("UPDATE audit SET action = 'nothing' WHERE seq = 1")

    answer = verify_whole(clinic.path)

    assert not answer.sound
    assert any(one.row == "the file" for one in answer.findings)
    assert answer.accounts.statements == 0


def test_a_damaged_anchor_is_a_finding(clinic: Clinic) -> None:
    path = anchor_path(clinic.station.database.uid)
    path.chmod(0o600)
    path.write_text("{}")

    answer = verify_whole(clinic.path)

    assert [one.row for one in answer.findings] == ["the anchor kept outside"]


def test_the_exported_anchor_verifies_a_copy_elsewhere(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public keys and a head, no secret; a file that was cut since then shows."""
    deliver(clinic, prescribe(clinic))
    exported = export_anchor(clinic.path)
    text = exported.text()

    assert clinic.station.anchor.key.secret_seed().hex() not in text
    assert read_exported(text) == exported
    assert own_anchor(clinic.path) == exported.public
    monkeypatch.setenv("TMS_CONSOLE_STATE", str(tmp_path / "none"))
    answer = verify_whole(clinic.path, read_exported(text))
    assert answer.findings == ()
    with hand(clinic.path) as connection:
        connection.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    found = verify_whole(clinic.path, read_exported(text)).findings
    assert any("the chain was cut" in one.sentence for one in found)


def test_an_anchor_is_exported_without_a_head_when_none_is_kept(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMS_CONSOLE_STATE", str(tmp_path / "none"))

    exported = read_exported(export_anchor(clinic.path).text())

    assert (exported.head, exported.heads) == (None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tag": "tms-seal-1"}, "an exported anchor is"),
        ({"console_public_key": "00" * 32}, "no public key"),
        ({"head": {"seq": "x", "hash": ""}}, "or it is damaged"),
        ({"head": 3}, "or it is damaged"),
    ],
)
def test_what_is_no_exported_anchor_is_refused(
    clinic: Clinic, change: dict[str, object], words: str
) -> None:
    values = json.loads(export_anchor(clinic.path).text())

    with pytest.raises(AccountsRefused, match=words):
        read_exported(json.dumps(values | change))


def test_text_that_is_no_json_is_no_anchor() -> None:
    with pytest.raises(AccountsRefused, match="no exported anchor"):
        read_exported("nothing")


def test_a_new_anchor_never_shows_its_key(clinic: Clinic) -> None:
    public = clinic.station.anchor.public
    made = new_anchor(
        Database(Path("x"), public.database_uid, public.console_uid, Purpose.CLINIC),
        public.first_administrator_key,
    )

    assert made.key.secret_seed().hex() not in repr(made)
