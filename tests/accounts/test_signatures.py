"""What a signature must say and be to hold: each member changed alone makes it not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounts.ledger import AT, Held, Ledger
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.roles import Role, allowed
from tms_console.accounts.signatures import (
    RULES,
    SESSION,
    Answer,
    Meaning,
    Signed,
    ToSign,
    read_signature,
)
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import RecordKind, StoredRecord
from tms_console.records.values import new_uid

CLOSING = "c1" * 32
PATIENT = new_uid()


class Clinic:
    """People and something of every kind to sign, in a ledger."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        root = self.ledger.root()
        self.people: dict[Role, Held] = {Role.ADMINISTRATOR: root}
        for role in (Role.PHYSICIAN, Role.TECHNICIAN, Role.QA):
            self.people[role] = self.ledger.add(role.value, role, root)
        self.unconfirmed = self.ledger.reset(self.ledger.add("reset", Role.PHYSICIAN, root), root)
        self.first = self.ledger.first_password(self.ledger.person("new", Role.PHYSICIAN), root)
        self.seq = self.ledger.seq + 10
        self.book = self.ledger.book()

    def subject(self, meaning: Meaning) -> StoredRecord:
        kind = RULES[meaning].subject
        of_patient = kind not in {RecordKind.POLICY, RecordKind.RESTORE, SESSION}
        members: dict[str, Json] = {"uid": new_uid(), "value": 1}
        members |= {"patient_uid": PATIENT} if of_patient else {}
        if kind == SESSION:
            members["uid"] = str(members["uid"])
            kind = RecordKind.POLICY  # sessions are no records; only the uid is used
        return StoredRecord(
            RecordKind(kind),
            str(members["uid"]),
            self.seq - 2,
            AT,
            "console",
            canonical_text(members),
            None,
        )

    def signed(self, meaning: Meaning, by: Held, /, **changed: Any) -> tuple[StoredRecord, Any]:
        """Return a signature with these members changed before it was signed, and its subject."""
        subject = self.subject(meaning)
        enrolment = self.book.enrolment(by.uid)
        assert enrolment is not None
        session = RULES[meaning].subject == SESSION
        to_sign = ToSign(
            meaning,
            subject.uid,
            CLOSING if session else subject.digest,
            None if session or "patient_uid" not in subject.values else PATIENT,
            answers=(Answer("too-long", 1, "needed"),),
            items=(PATIENT,),
            comment="as discussed",
        )
        content = to_sign.content(new_uid(), enrolment, AT)
        content |= {"head": {"seq": self.seq - 1, "hash": "0" * 64}}
        key = changed.pop("key", by.key)
        text = canonical_text(content | changed)
        stored = StoredRecord(
            RecordKind.SIGNATURE,
            str(content["uid"]),
            self.seq,
            AT,
            by.person.user_uid,
            text,
            key.sign(text.encode()),
        )
        return stored, None if session else subject

    def read(self, signature: StoredRecord, subject: StoredRecord | None) -> Signed:
        return read_signature(signature, self.book, subject, session_digest=CLOSING)


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return Clinic()


def test_every_meaning_has_a_rule_and_words_of_its_own() -> None:
    assert RULES.keys() == set(Meaning)
    assert len({meaning.value for meaning in Meaning}) == len(Meaning)
    assert {rule.subject for rule in RULES.values()} <= {*RecordKind, SESSION}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("meaning", Meaning)
def test_a_meaning_is_said_by_whom_the_table_of_permissions_lets_say_it(
    clinic: Clinic, meaning: Meaning, role: Role
) -> None:
    """At the level at which the gate reads, whatever a screen offered."""
    signature, subject = clinic.signed(meaning, clinic.people[role])

    if allowed(role, RULES[meaning].permission):
        signed = clinic.read(signature, subject)
        assert (signed.meaning, signed.enrolment.role, signed.seq) == (meaning, role, clinic.seq)
        assert signed.answers == (Answer("too-long", 1, "needed"),)
        assert signed.items == (PATIENT,)
        assert (signed.comment, signed.at) == ("as discussed", AT)
        assert (signed.head_seq, signed.head_hash) == (clinic.seq - 1, "0" * 64)
    else:
        with pytest.raises(BadStatement, match="cannot say"):
            clinic.read(signature, subject)


@pytest.mark.parametrize("meaning", Meaning)
def test_a_key_made_after_a_reset_says_nothing_that_only_physicians_say(
    clinic: Clinic, meaning: Meaning
) -> None:
    signature, subject = clinic.signed(meaning, clinic.unconfirmed)

    if RULES[meaning].physicians_only:
        with pytest.raises(BadStatement, match="was not confirmed"):
            clinic.read(signature, subject)
    else:
        assert clinic.read(signature, subject).meaning is meaning


def test_what_only_physicians_say_is_all_but_the_signature_under_a_session() -> None:
    others = {meaning for meaning, rule in RULES.items() if not rule.physicians_only}

    assert others == {Meaning.DELIVERED}


APPROVAL = Meaning.APPROVE_PRESCRIPTION


def str_of_names(value: object) -> str:
    """Names of tests must not differ between processes: uids and keys do."""
    return ", ".join(value) if isinstance(value, dict) else str(value)[:50]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"meaning": "I do not approve"}, "not a valid Meaning"),
        ({"meaning": Meaning.APPROVE_POLICY.value}, "cannot be said of such a record"),
        ({"meaning": None}, "not text"),
        ({"subject_kind": "policy"}, "cannot be said of such a record"),
        ({"subject_uid": PATIENT}, "is not what was signed"),
        ({"subject_digest": "0" * 64}, "is not what was signed"),
        ({"patient_uid": None}, "another patient's"),
        ({"patient_uid": "somebody"}, "another patient's"),
        ({"enrolment_uid": PATIENT}, "was not enrolled"),
        ({"name": "Dr. Somebody Else"}, "another name or role"),
        ({"role": "administrator"}, "another name or role"),
        ({"at": 7}, "at is 7, not text"),
        ({"comment": None}, "comment is None, not text"),
        ({"answers": "none"}, "answers is 'none', not a list"),
        ({"answers": None}, "answers is None, not a list"),
        ({"answers": [7]}, "no answer to a finding"),
        ({"answers": [{"code": "x", "block": None}]}, "no answer to a finding"),
        ({"answers": [{"code": "x", "block": True, "reason": ""}]}, "no answer to a finding"),
        ({"items": "abc"}, "items is 'abc', not a list"),
        ({"items": [7]}, "not a list of uids"),
        ({"head": {}}, "head is not the place"),
        ({"head": None}, "head is not the place"),
        ({"head": {"seq": 10_000, "hash": "0" * 64}}, "head is not the place"),
        ({"head": {"seq": 0, "hash": "0" * 64}}, "head is not the place"),
        ({"key": PrivateKey.new()}, "does not hold under the key"),
    ],
    ids=str_of_names,
)
def test_a_signature_that_says_anything_else_does_not_hold(
    clinic: Clinic, changed: dict[str, Any], words: str
) -> None:
    """Each of them signed by the physician's own key: a fault of ours, or words put to them."""
    signature, subject = clinic.signed(APPROVAL, clinic.people[Role.PHYSICIAN], **changed)

    with pytest.raises((BadStatement, ValueError), match=words):
        clinic.read(signature, subject)


def test_a_signature_speaks_of_what_was_on_record_before_it(clinic: Clinic) -> None:
    signature, subject = clinic.signed(APPROVAL, clinic.people[Role.PHYSICIAN])

    for other in (
        None,
        replace(subject, seq=clinic.seq + 1),
        replace(subject, kind=RecordKind.POLICY),
    ):
        with pytest.raises(BadStatement, match="was not on record"):
            clinic.read(signature, other)
    changed = replace(subject, content=subject.content.replace("1", "2"))
    with pytest.raises(BadStatement, match="is not what was signed"):
        clinic.read(signature, changed)


@pytest.mark.parametrize("closing", ["", "c2" * 32])
def test_a_session_that_is_open_or_another_is_not_the_one_signed(
    clinic: Clinic, closing: str
) -> None:
    signature, _ = clinic.signed(Meaning.DELIVERED, clinic.people[Role.TECHNICIAN])

    with pytest.raises(BadStatement, match="not the one that was signed"):
        read_signature(signature, clinic.book, None, session_digest=closing)


def test_a_signature_holds_only_while_its_key_was_enrolled(clinic: Clinic) -> None:
    physician = clinic.people[Role.PHYSICIAN]
    signature, subject = clinic.signed(APPROVAL, physician)
    begun = clinic.book.enrolment(physician.uid)
    assert begun is not None

    for seq in (1, begun.seq):
        early = replace(signature, seq=seq)
        with pytest.raises(BadStatement, match="was not enrolled, or no more"):
            clinic.read(early, subject)


def test_a_first_password_signs_nothing(clinic: Clinic) -> None:
    """An administrator knows it."""
    signature, subject = clinic.signed(APPROVAL, clinic.first)

    with pytest.raises(BadStatement, match="was not enrolled, or no more"):
        clinic.read(signature, subject)


SIGNED, SUBJECT = (SAMPLE := Clinic()).signed(APPROVAL, SAMPLE.people[Role.PHYSICIAN])


@settings(max_examples=80)
@given(st.data())
def test_one_changed_bit_of_a_signature_makes_it_not_hold(data: st.DataObject) -> None:
    assert SIGNED.signature is not None
    text, bits = bytearray(SIGNED.content.encode()), bytearray.fromhex(SIGNED.signature)
    changed = data.draw(st.sampled_from([text, bits]))
    bit = data.draw(st.integers(0, 7 * len(changed) - 1))
    changed[bit // 7] ^= 1 << bit % 7
    spoiled = replace(SIGNED, content=text.decode(), signature=bits.hex())

    with pytest.raises((BadStatement, ValueError)):
        SAMPLE.read(spoiled, SUBJECT)


@settings(max_examples=60)
@given(st.data())
def test_one_changed_bit_of_what_was_signed_makes_it_not_hold(data: st.DataObject) -> None:
    text = bytearray(SUBJECT.content.encode())
    bit = data.draw(st.integers(0, 7 * len(text) - 1))
    text[bit // 7] ^= 1 << bit % 7

    with pytest.raises((BadStatement, ValueError)):
        SAMPLE.read(SIGNED, replace(SUBJECT, content=text.decode()))
