"""Whose key is which, since and until where: every way of making a key one's own is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounts.ledger import AT, Held, Ledger
from tms_console.accounts.book import DEACTIVATED, FULL, PROVISIONAL
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.recovery import new_recovery_code
from tms_console.accounts.roles import Role
from tms_console.accounts.statements import (
    optional_text_of,
    require_signed,
    statement,
    text_of,
    truth_of,
)
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.values import new_uid

LATER = 10_000
"""A place in the chain after all that a test writes."""


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def root(ledger: Ledger) -> Held:
    return ledger.root()


def may_approve(ledger: Ledger, held: Held) -> bool:
    found = ledger.book().enrolment(held.uid)
    return found is not None and found.may_approve_at(LATER)


def test_honest_statements_all_count(ledger: Ledger, root: Held) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    technician = ledger.add("technician", Role.TECHNICIAN, root)
    new = ledger.reset(physician, root)
    second = ledger.add("second", Role.PHYSICIAN, root)
    ledger.confirm(new, second, second.key)
    ledger.end(technician, root, DEACTIVATED)
    book = ledger.book()

    assert book.rejected == []
    enrolment = book.active(physician.person.user_uid, AT)
    assert enrolment is not None
    assert (enrolment.uid, enrolment.role, enrolment.enrolled_by) == (
        new.uid,
        Role.PHYSICIAN,
        "Root Somebody",
    )
    assert enrolment.confirmed_by == "Second Somebody"
    assert may_approve(ledger, new)
    assert book.deactivated_at(technician.person.user_uid) == ledger.seq
    assert book.deactivated_at(physician.person.user_uid) is None
    assert len(book.all()) == 9
    assert [one.grade for one in book.enrolments_of(second.person.user_uid)] == [PROVISIONAL, FULL]


def test_the_order_of_the_chain_counts_and_not_that_of_reading_or_of_clocks(
    ledger: Ledger, root: Held
) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    end = ledger.end(physician, root, DEACTIVATED, at="1999-01-01T00:00:00Z")
    found = ledger.book().enrolment(physician.uid)

    assert found is not None
    assert found.may_sign_at(end.seq - 1)
    assert not found.may_sign_at(end.seq)
    assert not found.may_sign_at(found.seq)  # not its own statement, and none before


# The root


@pytest.mark.parametrize(
    "changed", [{"role": "physician"}, {"grade": PROVISIONAL}, {"after_reset": True}], ids=str
)
def test_the_root_is_a_full_enrolment_of_an_administrator(
    ledger: Ledger, changed: dict[str, Json]
) -> None:
    ledger.root(**changed)

    assert ledger.book().all() == ()


def test_an_enrolment_signed_by_itself_is_none_but_the_first_administrators(
    ledger: Ledger, root: Held
) -> None:
    """The attacker's own administrator, with the attacker's own key."""
    person = ledger.person("mallory", Role.ADMINISTRATOR)
    held = Held(new_uid(), person, PrivateKey.new(), new_recovery_code())
    made = ledger.enrol(held, FULL, held)
    after = ledger.first_password(ledger.person("mate", Role.PHYSICIAN), held)

    assert "signed by itself" in ledger.rejected()[made.uid]
    assert "not enrolled at that time" in ledger.rejected()[after.uid]
    assert root.uid not in ledger.rejected()


def test_a_file_without_our_root_has_no_enrolments(ledger: Ledger) -> None:
    ledger.root()
    other = replace(ledger, root_key=PrivateKey.new())

    assert other.book().all() == ()


# Enrolments


def enrolment_by(ledger: Ledger, signer: Held, **changed: Json) -> str:
    person = ledger.person("mallory", Role.PHYSICIAN)
    held = Held(new_uid(), person, PrivateKey.new())
    return ledger.enrol(held, PROVISIONAL, signer, **changed).uid


@pytest.mark.parametrize("signer", ["technician", "physician", "provisional", "ended", "reset"])
def test_only_a_lasting_administrator_enrols(ledger: Ledger, root: Held, signer: str) -> None:
    who: dict[str, Callable[[], Held]] = {
        "technician": lambda: ledger.add("technician", Role.TECHNICIAN, root),
        "physician": lambda: ledger.add("physician", Role.PHYSICIAN, root),
        "provisional": lambda: ledger.first_password(
            ledger.person("new", Role.ADMINISTRATOR), root
        ),
        "ended": lambda: ended(ledger, root, DEACTIVATED),
        "reset": lambda: ended(ledger, root, "password reset"),
    }
    uid = enrolment_by(ledger, who[signer]())

    assert list(ledger.rejected()) == [uid]


def ended(ledger: Ledger, root: Held, why: str) -> Held:
    administrator = ledger.add("second", Role.ADMINISTRATOR, root)
    ledger.end(administrator, root, why)
    return administrator


@pytest.mark.parametrize(
    "changed",
    [
        {"login": "another"},
        {"role": "surgeon"},
        {"role": 7},
        {"grade": "half"},
        {"after_reset": True},
        {"after_reset": 1},
        {"public_key": "00" * 32},
        {"public_key": "AB" * 32},
        {"user_uid": "00000000-0000-7000-8000-000000000000"},
        {"name": None},
        {"until": 7},
        {"from": None},
        {"signer_uid": "00000000-0000-7000-8000-000000000000"},
    ],
    ids=str,
)
def test_an_enrolment_that_says_what_cannot_be_counts_for_nothing(
    ledger: Ledger, root: Held, changed: dict[str, Json]
) -> None:
    person = ledger.person("mallory", Role.PHYSICIAN)
    held = Held(new_uid(), person, PrivateKey.new())
    new = statement(
        RecordKind.ENROLMENT,
        {
            "uid": held.uid,
            "user_uid": person.user_uid,
            "login": "mallory",
            "name": "M",
            "role": "physician",
            "grade": PROVISIONAL,
            "public_key": held.key.public_hex,
            "recovery_key": None,
            "signer_uid": root.uid,
            "after_reset": False,
            "from": AT,
            "until": None,
        },
        root.key,
        at=AT,
        actor="console",
    )
    assert ledger.rejected() == {}
    ledger.put(stored_as(edited_anyhow(new, root.key, changed)))

    assert list(ledger.rejected()) == [held.uid]


def edited_anyhow(made: AddRecord, key: PrivateKey, changed: dict[str, Json]) -> StoredRecord:
    """Return a statement with members of which some would not get past the record's own checks."""
    old = StoredRecord(made.kind, made.uid, 0, made.at, made.actor, made.content, None)
    text = canonical_text(old.values | changed)
    return replace(old, content=text, signature=key.sign(text.encode()))


def stored_as(record: StoredRecord) -> AddRecord:
    """Return something that a ledger can put, unchecked."""
    made: AddRecord = object.__new__(AddRecord)
    for name in ("kind", "uid", "at", "actor", "content", "signature"):
        object.__setattr__(made, name, getattr(record, name))
    return made


def test_a_key_is_enrolled_once(ledger: Ledger, root: Held) -> None:
    """Somebody else's key as one's own would make their signatures one's own."""
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    person = ledger.person("mallory", Role.PHYSICIAN)
    stolen = Held(new_uid(), person, physician.key)
    ledger.enrol(stolen, PROVISIONAL, root)

    assert "its key was enrolled before" in ledger.rejected()[stolen.uid]


def test_an_enrolment_replayed_counts_once(ledger: Ledger, root: Held) -> None:
    """The very statement again, later: a first password that was used up does not come back."""
    first = ledger.first_password(ledger.person("physician", Role.PHYSICIAN), root)
    statement_ = ledger.statements[-1]
    ledger.own_password(first)
    ledger.statements.append(replace(statement_, seq=ledger.seq + 1))

    assert "its key was enrolled before" in ledger.rejected()[first.uid]


def test_an_account_has_one_role_for_ever(ledger: Ledger, root: Held) -> None:
    """Nobody is made a physician by a change of role, and no administrator approves."""
    technician = ledger.add("technician", Role.TECHNICIAN, root)
    ledger.end(technician, root, "password reset")
    promoted = Held(new_uid(), replace(technician.person, role=Role.PHYSICIAN), PrivateKey.new())
    ledger.enrol(promoted, PROVISIONAL, root, after_reset=True)

    assert "one role for ever" in ledger.rejected()[promoted.uid]


@pytest.mark.parametrize(
    "changed",
    [
        {"role": "administrator"},
        {"name": "Somebody Else"},
        {"until": "2099-01-01T00:00:00Z"},
        {"after_reset": True},
        {"recovery_key": None},
        {"recovery_key": "00" * 32},
    ],
    ids=str,
)
def test_a_persons_own_enrolment_repeats_what_an_administrator_gave(
    ledger: Ledger, root: Held, changed: dict[str, Json]
) -> None:
    first = ledger.first_password(ledger.person("physician", Role.PHYSICIAN), root)
    held = Held(new_uid(), first.person, PrivateKey.new(), new_recovery_code())
    ledger.enrol(held, FULL, first, **changed)

    assert list(ledger.rejected()) == [held.uid]


def test_a_first_password_makes_one_key(ledger: Ledger, root: Held) -> None:
    first = ledger.first_password(ledger.person("physician", Role.PHYSICIAN), root)
    own = ledger.own_password(first, end=False)
    again = ledger.own_password(first, end=False)

    assert set(ledger.rejected()) == {again.uid}
    assert may_approve(ledger, own)


def test_a_first_password_after_a_reset_makes_one_key_too(ledger: Ledger, root: Held) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    first = ledger.first_password(physician.person, root, after_reset=True)
    ledger.own_password(first, after_reset=True, end=False)
    again = ledger.own_password(first, after_reset=True, end=False)

    assert "was used before" in ledger.rejected()[again.uid]


def test_a_first_password_left_over_makes_no_second_key_that_may_approve(
    ledger: Ledger, root: Held
) -> None:
    """An administrator who gave two first passwords knows the one that was not used."""
    person = ledger.person("physician", Role.PHYSICIAN)
    unused, used = ledger.first_password(person, root), ledger.first_password(person, root)
    ledger.own_password(used)
    administrators = ledger.own_password(unused, end=False)

    assert "only after a reset" in ledger.rejected()[administrators.uid]
    assert not may_approve(ledger, administrators)


def test_a_reset_that_does_not_say_so_makes_no_key(ledger: Ledger, root: Held) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    ledger.end(physician, root, "password reset")
    first = ledger.first_password(physician.person, root)

    assert "only after a reset" in ledger.rejected()[first.uid]


def test_only_a_first_password_leads_to_a_full_enrolment(ledger: Ledger, root: Held) -> None:
    """Neither the administrator's own key nor a person's full one makes another full one."""
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    mine = Held(new_uid(), physician.person, PrivateKey.new(), new_recovery_code())
    theirs = Held(new_uid(), physician.person, PrivateKey.new(), new_recovery_code())
    ledger.enrol(mine, FULL, root, after_reset=True)
    ledger.enrol(theirs, FULL, physician, after_reset=True)

    assert set(ledger.rejected()) == {mine.uid, theirs.uid}


def test_after_until_nobody_is_active(ledger: Ledger, root: Held) -> None:
    first = Held(new_uid(), ledger.person("guest", Role.PHYSICIAN), PrivateKey.new())
    until = {"until": "2026-06-01T00:00:00Z"}
    ledger.enrol(first, PROVISIONAL, root, **until)
    own = Held(new_uid(), first.person, PrivateKey.new(), new_recovery_code())
    ledger.enrol(own, FULL, first, **until)
    book = ledger.book()

    assert book.rejected == []
    assert book.active(own.person.user_uid, "2026-05-31T23:59:59Z") is not None
    assert book.active(own.person.user_uid, "2026-06-01T00:00:00Z") is None


# Ends


def test_a_deactivated_person_is_so_for_ever_and_with_every_key(ledger: Ledger, root: Held) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    left = ledger.first_password(physician.person, root, after_reset=True)
    ledger.end(physician, root, DEACTIVATED)
    book = ledger.book()

    assert book.current(physician.person.user_uid, AT) is None
    assert all(not one.stands_at(LATER) for one in book.enrolments_of(physician.person.user_uid))
    own = ledger.own_password(left, after_reset=True, end=False)
    again = ledger.first_password(physician.person, root, after_reset=True)
    assert set(ledger.rejected()) == {own.uid, again.uid}


def test_every_enrolment_of_a_deactivated_person_may_be_ended_in_words(
    ledger: Ledger, root: Held
) -> None:
    """One statement for each, in one transaction: the first ends all, the others say the same."""
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    first = ledger.first_password(physician.person, root, after_reset=True)
    ledger.end(physician, root, DEACTIVATED)
    ledger.end(first, root, DEACTIVATED)

    assert ledger.rejected() == {}
    other = ledger.end(first, root, "password reset")
    assert "it had ended" in ledger.rejected()[other.uid]


@pytest.mark.parametrize("why", [DEACTIVATED, "password reset", "replaced"])
@pytest.mark.parametrize("who", ["technician", "other key", "unknown", "ended"])
def test_only_an_administrator_or_the_key_itself_ends_an_enrolment(
    ledger: Ledger, root: Held, who: str, why: str
) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    signers: dict[str, Callable[[], Held]] = {
        "technician": lambda: ledger.add("technician", Role.TECHNICIAN, root),
        "other key": lambda: ledger.first_password(physician.person, root, after_reset=True),
        "unknown": lambda: Held(new_uid(), physician.person, PrivateKey.new()),
        "ended": lambda: ended(ledger, root, "password reset"),
    }
    end = ledger.end(physician, signers[who](), why)

    assert list(ledger.rejected()) == [end.uid]
    assert may_approve(ledger, physician)


def test_a_key_ends_itself_but_deactivates_nobody(ledger: Ledger, root: Held) -> None:
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    for_ever = ledger.end(physician, physician, DEACTIVATED)
    assert list(ledger.rejected()) == [for_ever.uid]

    ledger.end(physician, physician, "key replaced")
    assert not may_approve(ledger, physician)
    assert ledger.book().deactivated_at(physician.person.user_uid) is None


def test_the_end_of_an_enrolment_that_is_not_there_is_none(ledger: Ledger, root: Held) -> None:
    end = ledger.end(Held(new_uid(), root.person, PrivateKey.new()), root, DEACTIVATED)

    assert "no such enrolment" in ledger.rejected()[end.uid]


# Confirmations


@pytest.fixture
def reset(ledger: Ledger, root: Held) -> tuple[Held, Held]:
    """A physician whose password an administrator reset, before and after."""
    before = ledger.add("physician", Role.PHYSICIAN, root)
    return before, ledger.reset(before, root)


def test_a_key_made_after_a_reset_may_sign_but_not_approve(
    ledger: Ledger, reset: tuple[Held, Held]
) -> None:
    """An administrator who reset the password may sit at the keyboard."""
    found = ledger.book().enrolment(reset[1].uid)

    assert found is not None
    assert found.may_sign_at(LATER)
    assert not found.may_approve_at(LATER)


def test_another_physician_confirms_from_there_on(
    ledger: Ledger, root: Held, reset: tuple[Held, Held]
) -> None:
    second = ledger.add("second", Role.PHYSICIAN, root)
    confirmation = ledger.confirm(reset[1], second, second.key)
    found = ledger.book().enrolment(reset[1].uid)

    assert ledger.rejected() == {}
    assert found is not None
    assert not found.may_approve_at(confirmation.seq)
    assert found.may_approve_at(confirmation.seq + 1)


def test_the_code_of_the_earlier_key_confirms(ledger: Ledger, reset: tuple[Held, Held]) -> None:
    before, after = reset
    ledger.confirm_by_code(after, before.code)

    assert ledger.rejected() == {}
    assert may_approve(ledger, after)


def test_the_new_keys_own_code_confirms_nothing(ledger: Ledger, reset: tuple[Held, Held]) -> None:
    """Whoever did the reset was shown that code."""
    confirmation = ledger.confirm_by_code(reset[1], reset[1].code)

    assert list(ledger.rejected()) == [confirmation.uid]
    assert not may_approve(ledger, reset[1])


def test_two_resets_in_a_row_do_not_bring_a_code_of_their_own(
    ledger: Ledger, root: Held, reset: tuple[Held, Held]
) -> None:
    """The code shown at the first reset is an administrator's; the one before it the person's."""
    before, between = reset
    last = ledger.reset(between, root)
    forged = ledger.confirm_by_code(last, between.code)
    assert list(ledger.rejected()) == [forged.uid]
    assert not may_approve(ledger, last)

    ledger.confirm_by_code(last, before.code)
    assert may_approve(ledger, last)


def test_a_recovery_code_is_used_once(ledger: Ledger, root: Held, reset: tuple[Held, Held]) -> None:
    before, after = reset
    ledger.confirm_by_code(after, before.code)
    last = ledger.reset(after, root)
    old = ledger.confirm_by_code(last, before.code)
    assert list(ledger.rejected()) == [old.uid]

    ledger.confirm_by_code(last, after.code)
    assert may_approve(ledger, last)


def test_the_code_of_a_later_key_confirms_no_earlier_one(
    ledger: Ledger, root: Held, reset: tuple[Held, Held]
) -> None:
    """Which code counts does not change when keys are made afterwards."""
    before, between = reset
    second = ledger.add("second", Role.PHYSICIAN, root)
    later = ledger.own_password(
        ledger.first_password(between.person, root, after_reset=True), after_reset=True
    )
    ledger.confirm(later, second, second.key)
    late = ledger.confirm_by_code(between, later.code)
    assert list(ledger.rejected()) == [late.uid]

    ledger.confirm_by_code(between, before.code)
    assert may_approve(ledger, between)


def test_a_key_is_confirmed_once(ledger: Ledger, root: Held, reset: tuple[Held, Held]) -> None:
    """A later confirmation would make approvals between the two count for nothing."""
    before, after = reset
    second = ledger.add("second", Role.PHYSICIAN, root)
    first = ledger.confirm(after, second, second.key)
    again = ledger.confirm_by_code(after, before.code)
    found = ledger.book().enrolment(after.uid)

    assert list(ledger.rejected()) == [again.uid]
    assert found is not None
    assert found.confirmed_seq == first.seq


@pytest.mark.parametrize(
    "who", ["administrator", "technician", "unconfirmed", "ended", "itself", "before", "nobody"]
)
def test_nobody_but_another_physician_who_may_approve_confirms(
    ledger: Ledger, root: Held, reset: tuple[Held, Held], who: str
) -> None:
    before, after = reset

    def gone() -> Held:
        physician = ledger.add("gone", Role.PHYSICIAN, root)
        ledger.end(physician, root, DEACTIVATED)
        return physician

    signers: dict[str, Callable[[], Held]] = {
        "administrator": lambda: root,
        "technician": lambda: ledger.add("technician", Role.TECHNICIAN, root),
        "unconfirmed": lambda: ledger.reset(ledger.add("other", Role.PHYSICIAN, root), root),
        "ended": gone,
        "itself": lambda: after,
        "before": lambda: before,
        "nobody": lambda: Held(new_uid(), root.person, PrivateKey.new()),
    }
    signer = signers[who]()
    confirmation = ledger.confirm(after, signer, signer.key)

    assert list(ledger.rejected()) == [confirmation.uid]
    assert not may_approve(ledger, after)


def test_nobody_confirms_their_own_key_with_another_key_of_theirs(
    ledger: Ledger, root: Held
) -> None:
    """A key that still stands beside the new one, as a reset that ends nothing would leave it."""
    before = ledger.add("physician", Role.PHYSICIAN, root)
    first = ledger.first_password(before.person, root, after_reset=True)
    after = ledger.own_password(first, after_reset=True)
    confirmation = ledger.confirm(after, before, before.key)

    assert "nobody confirms their own key" in ledger.rejected()[confirmation.uid]


def test_a_confirmation_names_the_key_that_it_confirms(
    ledger: Ledger, root: Held, reset: tuple[Held, Held]
) -> None:
    second = ledger.add("second", Role.PHYSICIAN, root)
    other = ledger.confirm(reset[1], second, second.key, public_key=second.key.public_hex)
    forged = ledger.confirm(reset[1], second, PrivateKey.new())

    assert set(ledger.rejected()) == {other.uid, forged.uid}


def test_there_is_nothing_to_confirm_in_a_key_without_a_reset_or_one_that_ended(
    ledger: Ledger, root: Held, reset: tuple[Held, Held]
) -> None:
    second = ledger.add("second", Role.PHYSICIAN, root)
    third = ledger.add("third", Role.PHYSICIAN, root)
    needless = ledger.confirm(third, second, second.key)
    ledger.end(reset[1], root, "password reset")
    late = ledger.confirm(reset[1], second, second.key)

    assert set(ledger.rejected()) == {needless.uid, late.uid}


def test_without_an_earlier_key_there_was_no_code(ledger: Ledger, root: Held) -> None:
    """A reset of somebody who never had a key of their own is no reset."""
    person = ledger.person("physician", Role.PHYSICIAN)
    first = ledger.first_password(person, root)
    confirmation = ledger.confirm_by_code(first, new_recovery_code())

    assert list(ledger.rejected()) == [confirmation.uid]


# Anything else


def test_what_cannot_be_read_counts_for_nothing_and_ends_nothing(
    ledger: Ledger, root: Held
) -> None:
    """An edited file holds anything; people must still be able to log in and mend it."""
    broken = StoredRecord(RecordKind.ENROLMENT, new_uid(), 90, AT, "console", "{", "0" * 128)
    unsigned = StoredRecord(RecordKind.ENROLMENT, new_uid(), 91, AT, "console", "{}", None)
    nobody = StoredRecord(RecordKind.USER, new_uid(), 92, AT, "console", "[]", None)
    nameless = StoredRecord(RecordKind.USER, new_uid(), 93, AT, "console", "{}", None)
    policy = StoredRecord(RecordKind.POLICY, new_uid(), 94, AT, "console", "{}", None)
    ledger.statements += [broken, unsigned, policy]
    ledger.users += [nobody, nameless]
    book = ledger.book()

    assert {one.uid for one in book.rejected} == {broken.uid, unsigned.uid}
    assert book.enrolment(root.uid) is not None
    assert book.current(new_uid(), AT) is None


def test_members_of_statements_have_their_kind() -> None:
    record = StoredRecord(
        RecordKind.USER, "x", 1, AT, "console", '{"t":"a","n":null,"b":true,"i":1}', "0" * 128
    )

    assert (text_of(record, "t"), optional_text_of(record, "n"), truth_of(record, "b")) == (
        "a",
        None,
        True,
    )
    for read, name in ((text_of, "n"), (optional_text_of, "i"), (truth_of, "i")):
        with pytest.raises(BadStatement, match=f"user x: {name} is"):
            read(record, name)
    with pytest.raises(BadStatement, match="does not hold"):
        require_signed(record, PrivateKey.new().public_hex)


# Properties


def whole_ledger() -> Ledger:
    ledger = Ledger()
    root = ledger.root()
    physician = ledger.add("physician", Role.PHYSICIAN, root)
    second = ledger.add("second", Role.PHYSICIAN, root)
    new = ledger.reset(physician, root)
    ledger.confirm(new, second, second.key)
    newer = ledger.reset(second, root)
    ledger.confirm_by_code(newer, second.code)
    ledger.end(new, root, DEACTIVATED)
    assert ledger.rejected() == {}
    return ledger


WHOLE = whole_ledger()


@settings(max_examples=80)
@given(st.data())
def test_one_changed_bit_makes_a_statement_count_for_nothing(data: st.DataObject) -> None:
    """In the text, whatever it then says, or in the signature; and in nobody else's."""
    place = data.draw(st.integers(0, len(WHOLE.statements) - 1))
    record = WHOLE.statements[place]
    assert record.signature is not None
    text = bytearray(record.content.encode())
    signature = bytearray.fromhex(record.signature)
    changed = data.draw(st.sampled_from([text, signature]))
    bit = data.draw(st.integers(0, 7 * len(changed) - 1))
    changed[bit // 7] ^= 1 << bit % 7  # the eighth would leave ASCII
    spoiled = replace(record, content=text.decode(), signature=signature.hex())
    ledger = Ledger(
        WHOLE.root_key,
        WHOLE.users,
        [*WHOLE.statements[:place], spoiled, *WHOLE.statements[place + 1 :]],
        WHOLE.seq,
    )
    book = ledger.book()

    assert record.uid in {one.uid for one in book.rejected}
    if record.kind is RecordKind.ENROLMENT:
        assert book.enrolment(record.uid) is None


@settings(max_examples=40)
@given(st.permutations(range(len(WHOLE.statements))))
def test_statements_may_be_read_in_any_order(order: list[int]) -> None:
    shuffled = Ledger(
        WHOLE.root_key, WHOLE.users, [WHOLE.statements[place] for place in order], WHOLE.seq
    )

    assert shuffled.book().all() == WHOLE.book().all()


@settings(max_examples=60)
@given(st.data())
def test_without_any_one_statement_nobody_gains_a_right(data: st.DataObject) -> None:
    """Removing an end gives a right back, which is why deletions are told elsewhere; nothing else
    that is removed lets anybody approve who could not."""
    place = data.draw(st.integers(0, len(WHOLE.statements) - 1))
    removed = WHOLE.statements[place]
    ledger = Ledger(
        WHOLE.root_key,
        WHOLE.users,
        [one for one in WHOLE.statements if one is not removed],
        WHOLE.seq,
    )
    could = {one.uid for one in WHOLE.book().all() if one.may_approve_at(LATER)}
    can = {one.uid for one in ledger.book().all() if one.may_approve_at(LATER)}

    assert can <= could or removed.kind is RecordKind.ENROLMENT_END
