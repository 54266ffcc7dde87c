"""Somebody with the file and its key, but neither a person's password nor the console's key.

Each attack is made on a copy of a database with which a session could be given, and then a session
is tried on a stimulator that counts as real: nothing may be armed, the refusal says what is wrong,
and a verification on this console names what was tampered with.  Attacks on the running process are
in `test_treatment_processes`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from protocols.prescription import Prescription
from tests.accounts.people import first_password, password_of
from tests.accounts.tampering import AT, Forged, Hand, Kept, copy_of, put_in_place, tampering
from tests.clinic.prescribing import restored, secret
from tests.delivery.refusing import (
    found,
    refusals,
    require_ended_before,
    require_harmless,
    require_named,
    require_refused,
)
from tests.delivery.sessions import Rehearsal, bursts, require_sound, rows
from tests.delivery.treatments import (
    A_GOOD_DAY,
    NO_SCREENING,
    Ready,
    ago,
    make_ready,
    make_unrelated,
    run_as_real,
)
from tms_console.accounts.anchor import anchor_path
from tms_console.accounts.clock_corrections import correct_clock
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.own_key import set_own_password
from tms_console.accounts.public_anchors import ExportedAnchor
from tms_console.accounts.recovery import recovery_key
from tms_console.accounts.roles import Role
from tms_console.accounts.signatures import Meaning
from tms_console.accounts.statements import statement
from tms_console.accounts.users import deactivate, reset_password
from tms_console.accounts.whole_file import verify_whole
from tms_console.clinic.adverse_events import AdverseEvent, What, record_adverse_event
from tms_console.clinic.policies import withdraw_policy
from tms_console.clinic.verdicts import Decision
from tms_console.delivery import pipe
from tms_console.delivery.order import Challenge
from tms_console.delivery.process import new_challenge
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.database import Purpose, create_database
from tms_console.records.operations import AuditNote
from tms_console.records.values import new_uid

KIND = RecordKind

Edited = list[tuple[RecordKind, str]]
"""The records that were edited; what is looked at first comes first."""


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


def approval(ready: Ready) -> str:
    """The uid of the physician's approval of the prescription."""
    with ready.trusting() as trusted:
        return trusted.signatures(ready.made.uid)[-1].uid


def entered_at(hand: Hand, kind: RecordKind, uid: str) -> int:
    return int(hand.rows(f"SELECT seq FROM {kind} WHERE uid = ?", uid)[0][0])


def policy_uid(ready: Ready) -> str:
    return str(rows(ready.station.database.path, "SELECT uid FROM policy")[0][0])


# The file, edited -----------------------------------------------------------------------------


def block(**changes: Json) -> Callable[[Ready, Hand], Edited]:
    """Edit the first block of the prescription."""

    def edit(ready: Ready, hand: Hand) -> Edited:
        session = cast(
            "dict[str, Json]", hand.content(KIND.PRESCRIPTION, ready.made.uid)["session"]
        )
        blocks = cast("list[dict[str, Json]]", session["blocks"])
        assert changes.keys() <= blocks[0].keys()
        changed = session | {"blocks": [blocks[0] | changes, *blocks[1:]]}
        hand.edit(KIND.PRESCRIPTION, ready.made.uid, session=changed)
        return [(KIND.PRESCRIPTION, ready.made.uid)]

    return edit


def pattern(ready: Ready, hand: Hand) -> Edited:
    """Thirty trains instead of twenty."""
    text = canonical_text(hand.content(KIND.PRESCRIPTION, ready.made.uid))
    assert '"trains":3' in text
    hand.execute(
        "UPDATE prescription SET content = ? WHERE uid = ?",
        text.replace('"trains":3', '"trains":30'),
        ready.made.uid,
    )
    return [(KIND.PRESCRIPTION, ready.made.uid)]


def role(ready: Ready, hand: Hand) -> Edited:
    """The technician becomes a physician."""
    uid = ready.technician.enrolment.uid
    hand.edit(KIND.ENROLMENT, uid, role=Role.PHYSICIAN.value)
    return [(KIND.ENROLMENT, uid)]


def public_key(ready: Ready, hand: Hand) -> Edited:
    """The physician's key becomes the attacker's, and everything is signed anew with it."""
    mine, uid = PrivateKey.new(), ready.physician.enrolment.uid
    hand.edit(KIND.ENROLMENT, uid, public_key=mine.public_hex)
    query = "SELECT uid FROM signature WHERE content ->> '$.enrolment_uid' = ?"
    signed = [str(row[0]) for row in hand.rows(query, uid)]
    assert signed
    for one in signed:
        hand.sign(KIND.SIGNATURE, one, mine)
    return [(KIND.ENROLMENT, uid), *((KIND.SIGNATURE, one) for one in signed)]


def swapped_digest(ready: Ready, hand: Hand) -> Edited:
    """The approval names the digest of another content."""
    uid = approval_in(hand, ready.made.uid)
    hand.edit(KIND.SIGNATURE, uid, subject_digest=secrets.token_hex(32))
    return [(KIND.SIGNATURE, uid)]


def moved_signature(ready: Ready, hand: Hand) -> Edited:
    """The approval names another patient."""
    uid = approval_in(hand, ready.made.uid)
    hand.edit(KIND.SIGNATURE, uid, patient_uid=new_uid())
    return [(KIND.SIGNATURE, uid)]


def approval_in(hand: Hand, prescription_uid: str) -> str:
    query = "SELECT uid FROM signature WHERE content ->> '$.subject_uid' = ?"
    return str(hand.rows(query, prescription_uid)[0][0])


def policy(ready: Ready, hand: Hand) -> Edited:
    """A hundred thousand pulses a day, and thresholds as old as one likes."""
    uid = policy_uid(ready)
    assert "most_pulses_a_day" in hand.content(KIND.POLICY, uid)
    hand.edit(KIND.POLICY, uid, most_pulses_a_day=100_000)
    return [(KIND.POLICY, uid)]


def threshold(ready: Ready, hand: Hand) -> Edited:
    """The threshold that the dose rests on becomes another, after it was signed."""
    hand.edit(KIND.THRESHOLD, ready.threshold_uid, value_pct_mso=60)
    return [(KIND.THRESHOLD, ready.threshold_uid)]


def user(ready: Ready, hand: Hand) -> Edited:
    """Another login for the physician's account."""
    uid = ready.physician.user_uid
    hand.edit(KIND.USER, uid, login="somebody")
    return [(KIND.USER, uid)]


EDITS: Mapping[str, Callable[[Ready, Hand], Edited]] = {
    "intensity": block(intensity_pct_mso=80),
    "bounds": block(highest_pct_mso=90),
    "coil": block(coil="h1"),
    "pattern": pattern,
    "signer's role": role,
    "signer's public key": public_key,
    "swapped digest": swapped_digest,
    "signature of another patient": moved_signature,
    "policy": policy,
    "threshold swapped after signing": threshold,
    "user": user,
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_record_is_not_what_was_entered(
    ready: Ready, edit: Callable[[Ready, Hand], Edited]
) -> None:
    run = ready.session()
    with tampering(ready.station.database.path) as hand:
        before = hand.newest()
        edited = edit(ready, hand)
    names = [f"{kind} {uid}" for kind, uid in edited]
    done = run_as_real(run)
    words = f"{names[0]} is not what was entered", "records verify"
    require_refused(done, *words, believed=False)
    require_named(ready.station.database.path, *(f"{name}: " for name in names))
    assert rows(ready.station.database.path, "SELECT max(seq) FROM audit") == [(before,)]


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_record_whose_chain_was_computed_anew_is_not_what_was_left_or_sealed(
    ready: Ready, edit: Callable[[Ready, Hand], Edited]
) -> None:
    """Every hash is right, and the newest is not the one that this console remembers.

    Who can write the file can often write the state folder too: then the console's own seal does
    not fit.
    """
    run, path = ready.session(), ready.station.database.path
    with tampering(path) as hand:
        for kind, uid in edit(ready, hand):
            hand.enter_as_it_is(kind, uid)
        hand.rehash()
    require_refused(run_as_real(run), "is not the one that this console wrote", believed=False)
    with tampering(path) as hand:
        hand.remember()
    require_refused(run_as_real(run), "is not what was written", believed=False)
    require_named(path, "seal ")


# Rows of the chain, and whole files -----------------------------------------------------------


def test_audit_rows_rewritten_from_some_point_on_are_noticed(ready: Ready) -> None:
    """Another time of the approval: every row after it computed anew."""
    run = ready.session()
    with tampering(ready.station.database.path) as hand:
        seq = entered_at(hand, KIND.SIGNATURE, approval_in(hand, ready.made.uid))
        hand.execute("UPDATE audit SET at = ? WHERE seq = ?", AT, seq)
        hand.rehash(seq)
    require_refused(run_as_real(run), "is not the one that this console wrote", believed=False)
    require_named(ready.station.database.path, "its hash is not the one that was kept outside")
    with tampering(ready.station.database.path) as hand:
        hand.remember()
    again = run_as_real(run)
    require_refused(again, "is not what was written", believed=False)
    require_named(ready.station.database.path, "seal ")


def test_a_rewritten_row_whose_hash_was_left_alone_is_named(ready: Ready) -> None:
    run = ready.session()
    with tampering(ready.station.database.path) as hand:
        seq = entered_at(hand, KIND.SIGNATURE, approval_in(hand, ready.made.uid))
        hand.execute("UPDATE audit SET actor = 'nobody' WHERE seq = ?", seq)
    require_refused(run_as_real(run), f"Audit row {seq} is not what was written", believed=False)
    require_named(ready.station.database.path, f"audit row {seq}: ")


def withdrawn(ready: Ready) -> None:
    ready.withdraw(ready.made)


def deactivated(ready: Ready) -> None:
    deactivate(ready.station, ready.clinic.administrator, ready.physician.user_uid, "left")


TAKEN_BACK = {"withdrawal": withdrawn, "deactivation": deactivated}


@pytest.mark.parametrize("take_back", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_cutting_off_the_newest_rows_does_not_bring_an_approval_back(
    ready: Ready, take_back: Callable[[Ready], None]
) -> None:
    run = ready.session()
    with tampering(ready.station.database.path) as hand:
        before = hand.newest()
    take_back(ready)
    with tampering(ready.station.database.path) as hand:
        hand.cut(before)
    require_refused(run_as_real(run), "it was cut, or an older copy was put back", believed=False)
    require_named(ready.station.database.path, "the chain was cut")


@pytest.mark.parametrize("take_back", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_an_older_copy_put_back_does_not_bring_an_approval_back(
    ready: Ready, take_back: Callable[[Ready], None]
) -> None:
    run, path = ready.session(), ready.station.database.path
    older = copy_of(path)
    take_back(ready)
    copy_of(path)
    put_in_place(path, older)
    require_refused(run_as_real(run), "it was cut, or an older copy was put back", believed=False)
    require_named(path, "the chain was cut")


def test_with_the_kept_head_put_back_too_an_older_copy_is_not_noticed(
    ready: Ready, tmp_path: Path
) -> None:
    """How far the promise reaches: who has the file *and* the state folder can go back in time.

    Nothing is forged by it: what runs was approved, by a physician who had not taken it back then.
    README.md says so under Security.
    """
    run, path = ready.session(), ready.station.database.path
    older, kept = copy_of(path), Kept.copied(tmp_path)
    withdrawn(ready)
    copy_of(path)
    put_in_place(path, older)
    kept.put_back()
    done = run_as_real(run)
    assert done.state == "completed"


def test_a_consistent_file_of_another_console_is_refused(ready: Ready, tmp_path: Path) -> None:
    """Whole, sealed and approved, by people of the attacker's own, in the place of ours.

    Its key of encryption is where ours is, and the head of its chain too: nothing but the anchor is
    missing, which only the attacker's own console has.
    """
    ours = replace(ready.station.anchor)
    theirs = make_unrelated(tmp_path / "theirs")
    start_order = theirs.start_order(challenge := new_challenge())
    run = theirs.session(
        start_order,
        challenge=challenge,
        change=lambda order: replace(order, database=str(ready.station.database.path)),
    )
    anchor_path(theirs.station.database.uid).unlink()
    path = ready.station.database.path
    copy_of(path)
    put_in_place(path, copy_of(theirs.station.database.path))
    done = run_as_real(run)
    assert "was not made by this console" in done.result.reason
    require_harmless(done)
    assert refusals(path) == []
    told = verify_whole(path)
    assert told.sound
    assert "a whole file that somebody made up with keys of their own would not be noticed" in (
        told.reach
    )
    given = verify_whole(path, ExportedAnchor(ours.public, None))
    assert [one.row for one in given.findings] == ["the file"]


# Rows put in by hand --------------------------------------------------------------------------


def forged_approval(ready: Ready, hand: Hand, of: Prescription, key: PrivateKey) -> str:
    """Put in the physician's approval of a prescription, signed with another key."""
    true = hand.content(KIND.SIGNATURE, approval_in(hand, ready.made.uid))
    seq, hash_ = hand.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
    forged = true | {
        "uid": new_uid(),
        "subject_uid": of.uid,
        "subject_digest": of.digest(),
        "patient_uid": of.patient_uid,
        "head": {"seq": seq, "hash": hash_},
    }
    return hand.forge(KIND.SIGNATURE, forged, key, actor=ready.physician.user_uid).uid


@pytest.mark.parametrize(
    ("signer", "remembered"),
    [
        ("attacker", False),
        ("attacker", True),
        ("technician", True),
        ("qa", True),
        ("administrator", True),
        ("nobody", True),
    ],
    ids=lambda one: {False: "head left", True: "head edited"}.get(one, one),
)
def test_an_approval_put_in_by_hand_approves_nothing(
    ready: Ready, signer: str, remembered: bool
) -> None:
    """Entered in the chain with every hash right; only the physician's key could make it."""
    ready.withdraw(ready.made)
    run, path = ready.session(), ready.station.database.path
    keys = {
        "attacker": PrivateKey.new(),
        "technician": ready.technician.key(),
        "qa": ready.clinic.people[Role.QA].key(),
        "administrator": ready.clinic.administrator.key(),
    }
    with tampering(path) as hand:
        uid = forged_approval(ready, hand, ready.made, keys.get(signer, PrivateKey.new()))
        if signer == "nobody":
            hand.execute("UPDATE signature SET signature = ? WHERE uid = ?", "0" * 128, uid)
            hand.enter_as_it_is(KIND.SIGNATURE, uid)
            hand.rehash(entered_at(hand, KIND.SIGNATURE, uid))
        if remembered:
            hand.remember()
    done = run_as_real(run)
    words = "was withdrawn by" if remembered else "were not written by this console"
    require_refused(done, words, believed=remembered)
    require_named(path, f"signature {uid}: ")


def test_a_true_signature_moved_to_another_prescription_or_patient_approves_nothing(
    ready: Ready,
) -> None:
    """Every byte of it is the physician's; it speaks of something else."""
    other = ready.next_version(ready.made)
    path = ready.station.database.path
    with tampering(path) as hand:
        uid = approval_in(hand, ready.made.uid)
        true = hand.rows("SELECT content, signature FROM signature WHERE uid = ?", uid)[0]
        moved = forged_approval(ready, hand, other, PrivateKey.new())
        hand.execute("UPDATE signature SET signature = ? WHERE uid = ?", true[1], moved)
        hand.enter_as_it_is(KIND.SIGNATURE, moved)
        hand.rehash(entered_at(hand, KIND.SIGNATURE, moved))
        hand.remember()
    ready.made = other
    require_refused(ready.treat(), "No physician has approved version 2")
    require_named(path, f"signature {moved}: ")


def test_a_threshold_put_in_by_hand_does_not_move_a_dose(ready: Ready) -> None:
    """The technician's order names the thresholds that were there."""
    run, path = ready.session(), ready.station.database.path
    with tampering(path) as hand:
        true = hand.content(KIND.THRESHOLD, ready.threshold_uid)
        forged = hand.forge(
            KIND.THRESHOLD,
            true | {"uid": new_uid(), "value_pct_mso": 47, "measured_at": ago(hours=1)},
            actor=ready.technician.user_uid,
        )
    require_refused(run_as_real(run), "were not written by this console", believed=False)
    require_named(path, "the rows after it are not its own")
    with tampering(path) as hand:
        hand.remember()
    assert forged.seq
    done = run_as_real(run)
    require_refused(done, "a threshold was measured since", "no re-measure band was signed")


def test_a_clearance_put_in_by_hand_clears_nothing(ready: Ready) -> None:
    """An implant that somebody wants to be overlooked: only a physician's signature clears it."""
    uid = ready.fill_in("screening", {**NO_SCREENING, "cochlear_implant": True})
    run, path = ready.session(), ready.station.database.path
    with tampering(path) as hand:
        forged = forged_clearance(ready, hand, uid)
    require_refused(run_as_real(run), "were not written by this console", believed=False)
    require_named(path, "the rows after it are not its own")
    with tampering(path) as hand:
        hand.remember()
    require_refused(run_as_real(run), "not cleared by a physician")
    require_named(path, f"signature {forged.uid}: ")


def test_answers_put_in_by_hand_are_noticed_as_long_as_the_kept_head_is_not_edited_too(
    ready: Ready,
) -> None:
    """The limit of the promise: what no person signs rests on the kept head and on the seals.

    Who has the state folder too can put answers in before the console's next seal; what they
    cannot put in is an approval, a clearance or an order.  README.md says so under Security.
    """
    uid = ready.fill_in("daily", {**A_GOOD_DAY, "metal_removed": False})
    run, path = ready.session(), ready.station.database.path
    with tampering(path) as hand:
        true = hand.content(KIND.FORM_ANSWERS, uid)
        answers = cast("dict[str, Json]", true["answers"]) | {"metal_removed": True}
        hand.forge(KIND.FORM_ANSWERS, true | {"uid": new_uid(), "answers": answers})
    require_refused(run_as_real(run), "were not written by this console", believed=False)
    require_named(path, "the rows after it are not its own")
    with tampering(path) as hand:
        hand.remember()
    assert run_as_real(run).state == "completed"


def forged_clearance(ready: Ready, hand: Hand, uid: str) -> Forged:
    true = hand.content(KIND.SIGNATURE, approval_in(hand, ready.made.uid))
    digest = hand.rows(
        "SELECT detail ->> '$.digest' FROM audit WHERE subject = ?", f"form_answers:{uid}"
    )
    seq, hash_ = hand.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
    members = true | {
        "uid": new_uid(),
        "meaning": Meaning.CLEAR_ANSWERS.value,
        "subject_kind": KIND.FORM_ANSWERS.value,
        "subject_uid": uid,
        "subject_digest": digest[0][0],
        "patient_uid": ready.patient_uid,
        "answers": [{"code": "cochlear_implant", "block": None, "reason": "it is not"}],
        "head": {"seq": seq, "hash": hash_},
    }
    return hand.forge(KIND.SIGNATURE, members, PrivateKey.new())


# People ---------------------------------------------------------------------------------------


def test_a_signer_who_was_deactivated_approves_nothing_any_more(ready: Ready) -> None:
    run = ready.session()
    deactivated(ready)
    require_refused(run_as_real(run), "is not active any more", "Another physician approves it")
    require_sound_whole(ready)


def taken_over(ready: Ready) -> Login:
    """The administrator resets the physician's password and logs in as the physician."""
    station, administrator = ready.station, ready.clinic.administrator
    ready.withdraw(ready.made)
    reset_password(station, administrator, ready.physician.user_uid, first_password("physician"))
    started = set_own_password(
        station, log_in(station, "physician", first_password("physician")), password_of("physician")
    )
    ready.clinic.codes["stolen"] = started.recovery_code
    return started.login


def approval_by(ready: Ready, login: Login) -> AddRecord:
    """Return what the program refuses to make: an approval by a key that may not approve."""
    with ready.trusting() as trusted:
        true = trusted.signatures(ready.made.uid)[0]
        record = trusted.record(KIND.SIGNATURE, true.uid)
        assert record is not None
        content = record.values | {
            "uid": new_uid(),
            "enrolment_uid": login.enrolment.uid,
            "head": {"seq": trusted.head.seq, "hash": trusted.head.hash},
        }
    at = ready.station.wall()
    return statement(KIND.SIGNATURE, content, login.key(), at=at, actor=login.user_uid)


@pytest.mark.parametrize("forged", [None, "administrator", "own key", "own recovery code"], ids=str)
def test_a_physician_whose_password_the_administrator_reset_approves_nothing(
    ready: Ready, forged: str | None
) -> None:
    """Written through the console itself, so that the file is right in every other respect."""
    station = ready.station
    stolen = taken_over(ready)
    uids = []
    if forged is not None:
        keys = {
            "administrator": (ready.clinic.administrator.key(), stolen.enrolment.uid),
            "own key": (stolen.key(), stolen.enrolment.uid),
            "own recovery code": (
                recovery_key(ready.clinic.codes["stolen"], stolen.user_uid),
                None,
            ),
        }
        key, signer = keys[forged]
        confirmation = statement(
            KIND.KEY_CONFIRMATION,
            {
                "uid": new_uid(),
                "enrolment_uid": stolen.enrolment.uid,
                "public_key": stolen.enrolment.public_key,
                "signer_uid": signer,
                "at": station.wall(),
            },
            key,
            at=station.wall(),
            actor=stolen.user_uid,
        )
        station.write(confirmation)
        uids.append(f"key_confirmation {confirmation.uid}: ")
    signed = approval_by(ready, stolen)
    station.write(signed)
    require_refused(ready.treat(), "was withdrawn by")
    require_named(station.database.path, f"signature {signed.uid}: ", *uids)


# The start order ------------------------------------------------------------------------------

OTHER_ORDERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "another session": ({"session_uid": new_uid()}, "not an answer to this program's question"),
    "another nonce": ({"nonce": secrets.token_hex(32)}, "not an answer to this program's question"),
    "another patient": ({"patient_uid": new_uid()}, "it is for another patient"),
    "another prescription": ({"authority_uid": new_uid()}, "another prescription or version"),
    "another version": ({"authority_digest": "0" * 64}, "another prescription or version"),
    "another threshold": ({"threshold_uids": (new_uid(),)}, "or it names another"),
    "another number": ({"session_number": 2}, "it is for session 2 of the course, and 1 is due"),
    "two thresholds": ({"threshold_uids": (new_uid(), new_uid())}, "or it names another"),
}


@pytest.mark.parametrize(("changes", "words"), OTHER_ORDERS.values(), ids=OTHER_ORDERS)
def test_a_start_order_serves_for_what_it_says_and_nothing_else(
    ready: Ready, changes: dict[str, Any], words: str
) -> None:
    challenge = new_challenge()
    start_order = ready.start_order(challenge, **changes)
    require_refused(ready.treat(start_order, challenge=challenge), words, "Order the session anew")
    require_sound_whole(ready)


def ordered_by(ready: Ready, login: Login, challenge: Challenge) -> AddRecord:
    """Return a start order that the program would not let this person sign."""
    at = ready.station.wall()
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": login.enrolment.uid,
        "at": at,
        **ready.ordered(challenge).canonical(),
    }
    return statement(KIND.START_ORDER, content, login.key(), at=at, actor=login.user_uid)


WRONG_SIGNERS = {
    "qa": "is qa and orders no session",
    "administrator": "is administrator and orders no session",
    "provisional": "the key was not enrolled, or no more",
    "deactivated": "the key was not enrolled, or no more",
}


@pytest.mark.parametrize("who", WRONG_SIGNERS)
def test_nobody_orders_a_session_who_may_not(ready: Ready, who: str) -> None:
    station, administrator = ready.station, ready.clinic.administrator
    match who:
        case "provisional":
            reset_password(
                station, administrator, ready.technician.user_uid, first_password("technician")
            )
            login = log_in(station, "technician", first_password("technician"))
        case "deactivated":
            login = ready.technician
            deactivate(station, administrator, login.user_uid, "left")
        case _:
            login = ready.clinic.people[Role(who)]
    challenge = new_challenge()
    start_order = ordered_by(ready, login, challenge)
    done = ready.treat(start_order, challenge=challenge)
    require_refused(done, "The start order does not hold", WRONG_SIGNERS[who])
    said = "SELECT actor FROM audit WHERE action = 'gate.refused'"
    assert rows(done.database, said) == [("console",)], "nobody is named who was not proved to ask"


def test_an_order_signed_with_another_key_or_handed_in_by_another_does_not_hold(
    ready: Ready,
) -> None:
    challenge = new_challenge()
    true = ready.start_order(challenge)
    forged = replace(true, signature=PrivateKey.new().sign(true.content.encode()))
    require_refused(ready.treat(forged, challenge=challenge), "The start order does not hold")
    by_another = replace(true, actor=ready.physician.user_uid)
    done = ready.treat(by_another, challenge=challenge)
    assert "handed in by somebody else" in done.result.reason
    require_harmless(done)


def test_a_replayed_order_serves_nobody(ready: Ready) -> None:
    """Neither with its own challenge, as the process that asked would, nor with a later one."""
    challenge = new_challenge()
    start_order = ready.start_order(challenge)
    first = ready.treat(start_order, challenge=challenge)
    assert first.state == "completed"
    for asked in (challenge, new_challenge()):
        done = ready.treat(start_order, challenge=asked)
        assert "is on record already: it was used before" in done.result.reason
        require_harmless(done)
    assert len(refusals(done.database)) == 2
    require_sound_whole(ready)


def test_an_order_without_a_challenge_that_was_given_out_serves_nobody(ready: Ready) -> None:
    start_order = ready.start_order(new_challenge())
    run = ready.session(start_order)
    run.challenge = None
    require_refused(run_as_real(run), "not an answer to this program's question")


def test_a_treatment_without_a_start_order_cannot_even_be_asked_for(ready: Ready) -> None:
    """Neither in this program nor over the pipe, and what is no start order is none."""
    order = ready.order(ready.start_order(new_challenge()))
    with pytest.raises(ValueError, match="signed start order"):
        replace(order, start_order=None)
    text = pipe.encode(pipe.COMMANDS, pipe.Start(order))
    values = json.loads(text[pipe.HEAD_BYTES :])
    values["order"]["start_order"] = None
    body = json.dumps(values).encode()
    decoder = pipe.PipeDecoder(pipe.COMMANDS)
    decoder.feed(len(body).to_bytes(pipe.HEAD_BYTES) + body)
    with pytest.raises(pipe.PipeBroken):
        decoder.next_value()


def test_a_swapped_digest_in_the_order_that_goes_over_the_pipe_is_refused(ready: Ready) -> None:
    done = ready.treat(change=lambda order: replace(order, digest="0" * 64))
    require_refused(done, "it is for another prescription or version")


def test_a_prescription_that_is_not_on_record_is_refused_on_record(ready: Ready) -> None:
    uid = new_uid()
    done = ready.treat(change=lambda order: replace(order, authority_uid=uid))
    require_refused(done, f"There is no prescription {uid} on record")


# Clock, purpose, two consoles -----------------------------------------------------------------


def test_a_clock_that_was_set_back_is_refused_until_that_is_recorded(ready: Ready) -> None:
    """The record is of an hour from now; then an administrator says which clock was wrong."""
    clinic = ready.clinic
    clinic.wall.set(ago(hours=-1))
    write_note(ready)
    clinic.wall.set("")
    done = ready.treat()
    require_refused(done, "behind the newest entry of the record", "Set the computer's clock")
    correct_clock(
        ready.station, clinic.administrator, "it was an hour ahead", password_of("administrator")
    )
    assert ready.treat().state == "completed"


def write_note(ready: Ready) -> None:
    ready.station.write(
        AuditNote(
            uid=new_uid(), actor="console", action="note.made", subject="clock", detail="later"
        )
    )


def test_a_rehearsal_database_takes_no_treatment(ready: Ready, tmp_path: Path) -> None:
    path = tmp_path / "rehearsals.db"
    create_database(path, Purpose.REHEARSAL)
    done = ready.treat(change=lambda order: replace(order, database=str(path)))
    assert "this is a rehearsal database" in done.result.reason
    require_harmless(done)
    require_sound(path)


def test_a_rehearsal_is_never_run_on_a_clinics_database(ready: Ready) -> None:
    run = Rehearsal(content=bursts(), database=ready.station.database.path)
    done = run_as_real(run)
    assert "this is a clinic database" in done.result.reason
    require_harmless(done)


def test_a_demonstration_is_never_given_with_a_real_stimulator(tmp_path: Path) -> None:
    """The same people, prescription and order, in a database that says for ever what it is."""
    demo = make_unrelated(tmp_path / "demo", Purpose.DEMO)
    require_refused(demo.treat(), "A demonstration never uses a real stimulator")
    assert demo.treat(simulated=True).state == "completed"


def test_a_simulated_session_never_gets_into_a_patients_record(ready: Ready) -> None:
    done = ready.treat(simulated=True)
    require_refused(done, "A patient's record takes no simulated session")


def test_of_two_consoles_that_arm_at_once_one_is_refused(ready: Ready, tmp_path: Path) -> None:
    """Also where the second reaches the file by another name."""
    link = tmp_path / "same.db"
    link.symlink_to(ready.station.database.path)
    refused: list[Rehearsal] = []

    def second(_snapshot: object) -> None:
        if not refused:
            for path in (str(ready.station.database.path), str(link)):
                refused.append(ready.treat(change=partial(replace, database=path)))

    done = ready.treat(publish=second)
    assert done.state == "completed"
    for one in refused:
        assert "a session is running on this database" in one.result.reason
        require_harmless(one)
    assert len(refused) == 2
    require_sound_whole(ready)


def test_of_two_consoles_on_two_copies_one_is_refused_before_its_first_train(
    ready: Ready, tmp_path: Path
) -> None:
    """Both copies are right at the start: what this console remembers has room for one of them."""
    path, copied = ready.station.database.path, tmp_path / "copy.db"
    challenge = new_challenge()
    start_order = ready.start_order(challenge)
    copied.write_bytes(copy_of(path))
    copied.chmod(0o600)
    other = ready.session(
        start_order, challenge=challenge, change=lambda order: replace(order, database=str(copied))
    )
    other.database = copied
    ran: list[Rehearsal] = []

    def second(_snapshot: object) -> None:
        if not ran:
            ran.append(other)
            run_as_real(other)

    done = ready.treat(publish=second)
    assert done.state == "completed"
    assert ran[0].commands == []
    assert ran[0].result.state is None or "before train 1" in ran[0].result.reason


# Between two trains ---------------------------------------------------------------------------


def in_train(number: int, act: Callable[[], None]) -> Callable[[Snapshot], None]:
    """Do something once, while that train is delivered."""
    done: list[int] = []

    def show(snapshot: Snapshot) -> None:
        if snapshot.train == number and snapshot.state == "delivering" and not done:
            done.append(number)
            act()

    return show


def policy_withdrawn(ready: Ready) -> None:
    uid = policy_uid(ready)
    with ready.trusting() as trusted:
        record = trusted.record(KIND.POLICY, uid)
    assert record is not None
    told = Decision(uid, record.digest, comment="too lax")
    withdraw_policy(ready.station, ready.second, told, *secret(ready.second))


def technician_deactivated(ready: Ready) -> None:
    deactivate(ready.station, ready.clinic.administrator, ready.technician.user_uid, "left")


def put_on_hold(ready: Ready) -> None:
    event = AdverseEvent(ready.patient_uid, What.SEIZURE, 4, ago(minutes=1))
    record_adverse_event(ready.station, ready.physician, event)


def restored_from_a_backup(ready: Ready) -> None:
    restored(ready)


MEANWHILE: Mapping[str, tuple[Callable[[Ready], None], str]] = {
    "approval withdrawn": (withdrawn, "was withdrawn by"),
    "signer deactivated": (deactivated, "is not active any more"),
    "technician deactivated": (technician_deactivated, "Who ordered the session was deactivated"),
    "policy withdrawn": (policy_withdrawn, "policy was withdrawn"),
    "patient on hold": (put_on_hold, "The patient is on hold"),
    "older copy put back": (restored_from_a_backup, "An older copy of the record was put back"),
}


@pytest.mark.parametrize(("act", "words"), MEANWHILE.values(), ids=MEANWHILE)
def test_what_another_window_does_meanwhile_holds_before_the_next_train(
    ready: Ready, act: Callable[[Ready], None], words: str
) -> None:
    done = ready.treat(publish=in_train(2, lambda: act(ready)))
    require_ended_before(done, 3, words)
    assert any("refused before train 3" in one for one in done.events("gate"))
    with ready.trusting() as trusted:
        assert trusted.sessions[done.result.session_uid].ended is not None


def test_a_withdrawal_that_is_cut_off_again_does_not_let_the_session_go_on(ready: Ready) -> None:
    """The rows are gone before the session looks; what this console remembers is not."""
    path = ready.station.database.path

    def take_back_and_hide() -> None:
        with tampering(path) as hand:
            before = hand.newest()
        ready.withdraw(ready.made)
        with tampering(path) as hand:
            hand.cut(before)

    done = ready.treat(publish=in_train(2, take_back_and_hide))
    assert len(done.commands) == 2
    assert done.state in {"failed", "interrupted", "stopped"}
    assert "record" in done.result.reason
    assert not done.emulator.state().status.info.enabled


def test_a_row_put_into_the_chain_meanwhile_ends_the_session(ready: Ready) -> None:
    def append() -> None:
        with tampering(ready.station.database.path) as hand:
            hand.append("note", "nothing", {"text": "nothing"})

    done = ready.treat(publish=in_train(2, append))
    require_ended_before(done, 3, "does not end where this console left it")


def require_sound_whole(ready: Ready) -> None:
    """Fail if a verification finds anything, or this console does not believe its file."""
    assert found(ready.station.database.path) == {}
    with ready.trusting():
        pass
