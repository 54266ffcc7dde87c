"""The book of enrolments: whose key is which, since and until where in the chain, and who said so.

It is folded from statements in the order of the audit chain, each believed only if who signed it
might at that place.  Claimed times order nothing.  A role is read here and never from a user's row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tms_console.accounts.errors import BadStatement
from tms_console.accounts.keys import is_public_key
from tms_console.accounts.roles import Role
from tms_console.accounts.statements import (
    optional_text_of,
    require_signed,
    text_of,
    truth_of,
)
from tms_console.records.clinical import RecordKind, StoredRecord

PROVISIONAL = "provisional"
FULL = "full"
DEACTIVATED = "deactivated"
"""Why of an enrolment's end that ends its user for ever."""
PASSWORD_RESET = "password reset"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One key of one person.

    Attributes:
        uid: Of the statement.
        seq: Its place in the chain.
        user_uid: Whose.
        login: What they log in with.
        name: Their printed name.
        role: What they are.
        grade: `provisional` (sealed under a first password that somebody else knows; it may sign
            its owner's full enrolment and nothing else) or `full`.
        public_key: 64 hexadecimal digits.
        recovery_key: Public half of the key made from the one-time recovery code; None if
            provisional.
        signer_uid: The enrolment that signed it.
        after_reset: It follows a password reset: a physician's may not approve until confirmed.
        enrolled_at: Wall time, as the computer said.
        until: Wall time after which it counts no more, None for no end.
        enrolled_by: Printed name of the administrator at the start of it.
        confirmed_seq: Where it was confirmed, None if it was not.
        confirmed_by: Who confirmed it, in words.
        ended_seq: Where it ended, None while it lasts.
        ended_why: Why it ended.
    """

    uid: str
    seq: int
    user_uid: str
    login: str
    name: str
    role: Role
    grade: str
    public_key: str
    recovery_key: str | None
    signer_uid: str
    after_reset: bool
    enrolled_at: str
    until: str | None
    enrolled_by: str
    confirmed_seq: int | None = None
    confirmed_by: str = ""
    ended_seq: int | None = None
    ended_why: str = ""

    def stands_at(self, seq: int) -> bool:
        """Return True if it had begun and not ended at a place in the chain."""
        return self.seq < seq and (self.ended_seq is None or seq < self.ended_seq)

    def may_sign_at(self, seq: int) -> bool:
        """Return True if its key could sign at a place: full, begun, not ended."""
        return self.grade == FULL and self.stands_at(seq)

    def may_approve_at(self, seq: int) -> bool:
        """Return True if its key could approve at a place: a physician's, confirmed if need be."""
        return (
            self.role is Role.PHYSICIAN
            and self.may_sign_at(seq)
            and (
                not self.after_reset
                or (self.confirmed_seq is not None and self.confirmed_seq < seq)
            )
        )


@dataclass(frozen=True, slots=True)
class Rejected:
    """A statement about enrolments that counts for nothing."""

    kind: RecordKind
    uid: str
    sentence: str


class Book:
    """Every enrolment that holds, and every statement that does not."""

    def __init__(self, root_key: str, logins: Mapping[str, str]) -> None:
        """Start empty.

        Args:
            root_key: The first administrator's public key, from outside the file.
            logins: Login of every user by uid, as their records state it.
        """
        self._root_key = root_key
        self._logins = logins
        self._by_uid: dict[str, Enrolment] = {}
        self._keys: set[str] = set()
        self._deactivated: dict[str, int] = {}
        self.rejected: list[Rejected] = []

    def take(self, record: StoredRecord) -> None:
        """Take the next statement of the chain; one that does not hold is noted and left out."""
        try:
            match record.kind:
                case RecordKind.ENROLMENT:
                    self._enrol(record)
                case RecordKind.ENROLMENT_END:
                    self._end(record)
                case RecordKind.KEY_CONFIRMATION:
                    self._confirm(record)
                case _:
                    pass
        except (BadStatement, ValueError) as error:
            self.rejected.append(Rejected(record.kind, record.uid, str(error)))

    def enrolment(self, uid: str) -> Enrolment | None:
        """Return an enrolment that holds or held, None if there is no such."""
        return self._by_uid.get(uid)

    def enrolments_of(self, user_uid: str) -> tuple[Enrolment, ...]:
        """Return every enrolment of a user, the oldest first."""
        return tuple(one for one in self._by_uid.values() if one.user_uid == user_uid)

    def all(self) -> tuple[Enrolment, ...]:
        """Return every enrolment, the oldest first."""
        return tuple(self._by_uid.values())

    def deactivated_at(self, user_uid: str) -> int | None:
        """Return where in the chain a user was deactivated, None if they were not."""
        return self._deactivated.get(user_uid)

    def current(self, user_uid: str, now: str) -> Enrolment | None:
        """Return the user's newest enrolment that lasts, None if they are not active.

        Args:
            user_uid: Who.
            now: Wall time, to compare with `until`.
        """
        lasting = [
            one
            for one in self.enrolments_of(user_uid)
            if one.ended_seq is None and (one.until is None or now < one.until)
        ]
        if user_uid in self._deactivated or not lasting:
            return None
        return lasting[-1]

    def active(self, user_uid: str, now: str) -> Enrolment | None:
        """Return the user's newest enrolment that can sign now, None if there is none."""
        found = self.current(user_uid, now)
        return found if found is not None and found.grade == FULL else None

    def _enrol(self, record: StoredRecord) -> None:
        signer_uid = text_of(record, "signer_uid")
        made = Enrolment(
            uid=record.uid,
            seq=record.seq,
            user_uid=text_of(record, "user_uid"),
            login=text_of(record, "login"),
            name=text_of(record, "name"),
            role=Role(text_of(record, "role")),
            grade=text_of(record, "grade"),
            public_key=text_of(record, "public_key"),
            recovery_key=optional_text_of(record, "recovery_key"),
            signer_uid=signer_uid,
            after_reset=truth_of(record, "after_reset"),
            enrolled_at=text_of(record, "from"),
            until=optional_text_of(record, "until"),
            enrolled_by=text_of(record, "name"),
        )
        name = f"enrolment {record.uid}"
        if not is_public_key(made.public_key):
            raise BadStatement(f"{name}: {made.public_key!r} is no public key to rely on")
        if made.public_key in self._keys:
            raise BadStatement(f"{name}: its key was enrolled before")
        if self._logins.get(made.user_uid) != made.login:
            raise BadStatement(f"{name}: {made.login!r} is not the login of its user")
        if made.user_uid in self._deactivated:
            raise BadStatement(f"{name}: its user was deactivated, which is for ever")
        earlier = self.enrolments_of(made.user_uid)
        if earlier and earlier[0].role is not made.role:
            raise BadStatement(
                f"{name}: its user is {earlier[0].role}, and an account has one role for ever"
            )
        if signer_uid == record.uid:
            require_signed(record, made.public_key)
            self._require_root(made)
        else:
            made = self._signed_by_another(record, made, had_key=_had_key(earlier))
        self._by_uid[made.uid] = made
        self._keys.add(made.public_key)

    def _require_root(self, made: Enrolment) -> None:
        name = f"enrolment {made.uid}"
        if made.public_key != self._root_key:
            raise BadStatement(
                f"{name}: it is signed by itself and is not that of this console's first "
                "administrator"
            )
        if made.role is not Role.ADMINISTRATOR or made.grade != FULL or made.after_reset:
            raise BadStatement(f"{name}: the first enrolment is a full one of an administrator")

    def _signed_by_another(
        self, record: StoredRecord, made: Enrolment, *, had_key: bool
    ) -> Enrolment:
        signer = self._by_uid.get(made.signer_uid)
        name = f"enrolment {made.uid}"
        if signer is None or not signer.stands_at(made.seq):
            raise BadStatement(f"{name}: who signed it was not enrolled at that time")
        require_signed(record, signer.public_key)
        if had_key != made.after_reset:
            # Also of a full one: a first password that was left over from before the person's own
            # key must not lead to a second key that needs no confirmation.
            raise BadStatement(
                f"{name}: a person who had a key gets another only after a reset, and says so"
            )
        if made.grade == PROVISIONAL:
            return self._by_administrator(made, signer)
        if made.grade == FULL:
            return self._by_its_owner(made, signer)
        raise BadStatement(f"{name}: there is no grade {made.grade!r}")

    def _by_administrator(self, made: Enrolment, signer: Enrolment) -> Enrolment:
        name = f"enrolment {made.uid}"
        if signer.grade != FULL or signer.role is not Role.ADMINISTRATOR:
            raise BadStatement(f"{name}: {signer.name} is no administrator and enrols nobody")
        return replace(made, enrolled_by=signer.name)

    def _by_its_owner(self, made: Enrolment, signer: Enrolment) -> Enrolment:
        name = f"enrolment {made.uid}"
        if signer.grade != PROVISIONAL or _given(made) != _given(signer):
            raise BadStatement(f"{name}: only its owner's first password leads to a full enrolment")
        if any(one.signer_uid == signer.uid for one in self._by_uid.values()):
            raise BadStatement(f"{name}: that first password was used before")
        if made.recovery_key is None or not is_public_key(made.recovery_key):
            raise BadStatement(f"{name}: a full enrolment names a recovery key")
        return replace(made, enrolled_by=signer.enrolled_by)

    def _end(self, record: StoredRecord) -> None:
        ended = self._by_uid.get(text_of(record, "enrolment_uid"))
        signer = self._by_uid.get(text_of(record, "signer_uid"))
        why = text_of(record, "why")
        name = f"enrolment_end {record.uid}"
        if ended is None:
            raise BadStatement(f"{name}: there is no such enrolment")
        if signer is None or not signer.stands_at(record.seq):
            raise BadStatement(f"{name}: who signed it was not enrolled at that time")
        require_signed(record, signer.public_key)
        administrator = signer.role is Role.ADMINISTRATOR and signer.grade == FULL
        if not administrator and (signer.uid != ended.uid or why == DEACTIVATED):
            raise BadStatement(f"{name}: {signer.name} may not end it")
        if ended.ended_seq is not None:
            if why == ended.ended_why == DEACTIVATED:
                return  # its user was deactivated with another of their enrolments
            raise BadStatement(f"{name}: it had ended")
        self._by_uid[ended.uid] = replace(ended, ended_seq=record.seq, ended_why=why)
        if why == DEACTIVATED:
            self._deactivate(ended.user_uid, record.seq)

    def _deactivate(self, user_uid: str, seq: int) -> None:
        """End whatever of the user's still stands: a deactivated person signs with no key."""
        self._deactivated[user_uid] = seq
        for one in self.enrolments_of(user_uid):
            if one.ended_seq is None:
                self._by_uid[one.uid] = replace(one, ended_seq=seq, ended_why=DEACTIVATED)

    def _confirm(self, record: StoredRecord) -> None:
        subject = self._by_uid.get(text_of(record, "enrolment_uid"))
        signer_uid = optional_text_of(record, "signer_uid")
        name = f"key_confirmation {record.uid}"
        if subject is None or not subject.may_sign_at(record.seq):
            raise BadStatement(f"{name}: there is no such enrolment that lasts")
        if not subject.after_reset or subject.confirmed_seq is not None:
            raise BadStatement(f"{name}: there is nothing to confirm")
        if text_of(record, "public_key") != subject.public_key:
            raise BadStatement(f"{name}: it confirms another key than the enrolment's")
        if signer_uid is None:
            words = self._by_recovery_code(record, subject)
        else:
            words = self._by_physician(record, subject, signer_uid)
        self._by_uid[subject.uid] = replace(subject, confirmed_seq=record.seq, confirmed_by=words)

    def _by_recovery_code(self, record: StoredRecord, subject: Enrolment) -> str:
        """The code of the newest earlier key that could approve: a reset cannot bring its own."""
        trusted = [
            one
            for one in self.enrolments_of(subject.user_uid)
            if one.grade == FULL
            and one.seq < subject.seq
            and (not one.after_reset or one.confirmed_seq is not None)
        ]
        require_signed(record, (trusted[-1].recovery_key if trusted else None) or "")
        return "the person's own recovery code"

    def _by_physician(self, record: StoredRecord, subject: Enrolment, signer_uid: str) -> str:
        signer = self._by_uid.get(signer_uid)
        name = f"key_confirmation {record.uid}"
        if signer is None or not signer.may_approve_at(record.seq):
            raise BadStatement(f"{name}: who signed it was no physician who may approve")
        if signer.user_uid == subject.user_uid:
            raise BadStatement(f"{name}: nobody confirms their own key")
        require_signed(record, signer.public_key)
        return signer.name


def read_book(
    root_key: str, users: Iterable[StoredRecord], statements: Iterable[StoredRecord]
) -> Book:
    """Return the book that the statements make.

    Args:
        root_key: The first administrator's public key, from outside the file.
        users: Every user's record.
        statements: Enrolments, their ends and confirmations, in any order.
    """
    book = Book(root_key, _logins(users))
    for record in sorted(statements, key=lambda one: one.seq):
        book.take(record)
    return book


def _had_key(earlier: Iterable[Enrolment]) -> bool:
    return any(one.grade == FULL for one in earlier)


def _given(one: Enrolment) -> tuple[object, ...]:
    """Return what an administrator gave a person, and the person's own enrolment must repeat."""
    return (one.user_uid, one.role, one.after_reset, one.login, one.name, one.until)


def _logins(users: Iterable[StoredRecord]) -> dict[str, str]:
    """Return the login of every user; one whose record cannot be read has none, so no key."""
    logins = {}
    for record in users:
        with contextlib.suppress(BadStatement, ValueError):
            logins[record.uid] = text_of(record, "login")
    return logins
