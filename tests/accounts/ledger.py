"""Statements as they would lie in the chain, without a database: one after the other, from 1 on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tms_console.accounts.book import FULL, PROVISIONAL, Book, read_book
from tms_console.accounts.enrolling import NewEnrolment, Person, user_record
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.recovery import new_recovery_code, recovery_key
from tms_console.accounts.roles import Role
from tms_console.accounts.statements import statement
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.values import new_uid

AT = "2026-03-01T09:00:00.000000Z"


@dataclass(frozen=True)
class Held:
    """An enrolment and the private key that goes with it."""

    uid: str
    person: Person
    key: PrivateKey
    code: str = ""


@dataclass
class Ledger:
    """A chain of statements under a root key."""

    root_key: PrivateKey = field(default_factory=PrivateKey.new)
    users: list[StoredRecord] = field(default_factory=list)
    statements: list[StoredRecord] = field(default_factory=list)
    seq: int = 1

    def put(self, made: AddRecord) -> StoredRecord:
        """Put a record at the end of the chain."""
        self.seq += 1
        stored = StoredRecord(
            made.kind, made.uid, self.seq, made.at, made.actor, made.content, made.signature
        )
        (self.users if made.kind is RecordKind.USER else self.statements).append(stored)
        return stored

    def book(self) -> Book:
        return read_book(self.root_key.public_hex, self.users, reversed(self.statements))

    def rejected(self) -> dict[str, str]:
        return {one.uid: one.sentence for one in self.book().rejected}

    def person(self, login: str, role: Role) -> Person:
        person = Person(new_uid(), login, f"{login.title()} Somebody", role)
        self.put(user_record(person, AT, "console"))
        return person

    def root(self, **changed: Json) -> Held:
        """Enrol the first administrator."""
        person = self.person("root", Role.ADMINISTRATOR)
        held = Held(new_uid(), person, self.root_key, new_recovery_code())
        self.enrol(held, FULL, held, **changed)
        return held

    def enrol(self, held: Held, grade: str, signer: Held, /, **changed: Json) -> StoredRecord:
        """Write an enrolment, whatever it says; `after_reset` and the rest by name."""
        code = held.code or new_recovery_code()
        new = NewEnrolment(
            uid=held.uid,
            person=held.person,
            grade=grade,
            public_key=held.key.public_hex,
            recovery_key=(
                recovery_key(code, held.person.user_uid).public_hex if grade == FULL else None
            ),
            signer_uid=signer.uid,
            after_reset=bool(changed.pop("after_reset", False)),
        )
        made = new.signed(signer.key, AT, "console")
        return self.put(edited(made, signer.key, **changed) if changed else made)

    def first_password(
        self, person: Person, administrator: Held, *, after_reset: bool = False
    ) -> Held:
        held = Held(new_uid(), person, PrivateKey.new())
        self.enrol(held, PROVISIONAL, administrator, after_reset=after_reset)
        return held

    def own_password(self, first: Held, *, after_reset: bool = False, end: bool = True) -> Held:
        held = Held(new_uid(), first.person, PrivateKey.new(), new_recovery_code())
        self.enrol(held, FULL, first, after_reset=after_reset)
        if end:
            self.end(first, first, "replaced by the person's own key")
        return held

    def add(self, login: str, role: Role, administrator: Held) -> Held:
        """Do all that makes an account with a key of its own."""
        return self.own_password(self.first_password(self.person(login, role), administrator))

    def reset(self, held: Held, administrator: Held) -> Held:
        """Do all that a password reset does, and the person's own new password."""
        self.end(held, administrator, "password reset")
        first = self.first_password(held.person, administrator, after_reset=True)
        return self.own_password(first, after_reset=True)

    def end(self, ended: Held, signer: Held, why: str, **changed: Json) -> StoredRecord:
        content: dict[str, Json] = {
            "uid": new_uid(),
            "enrolment_uid": ended.uid,
            "signer_uid": signer.uid,
            "why": why,
            "reason": "",
            "at": AT,
        }
        return self.put(
            statement(
                RecordKind.ENROLMENT_END, content | changed, signer.key, at=AT, actor="console"
            )
        )

    def confirm(
        self, subject: Held, signer: Held | None, key: PrivateKey, **changed: Json
    ) -> StoredRecord:
        content: dict[str, Json] = {
            "uid": new_uid(),
            "enrolment_uid": subject.uid,
            "public_key": subject.key.public_hex,
            "signer_uid": None if signer is None else signer.uid,
            "at": AT,
        }
        return self.put(
            statement(RecordKind.KEY_CONFIRMATION, content | changed, key, at=AT, actor="console")
        )

    def confirm_by_code(self, subject: Held, code: str) -> StoredRecord:
        return self.confirm(subject, None, recovery_key(code, subject.person.user_uid))


def edited(made: AddRecord, key: PrivateKey, **members: Json) -> AddRecord:
    """Return a statement with other members, signed again."""
    stored = StoredRecord(made.kind, made.uid, 0, made.at, made.actor, made.content, None)
    text = canonical_text(stored.values | members)
    return replace(made, content=text, signature=key.sign(text.encode()))
