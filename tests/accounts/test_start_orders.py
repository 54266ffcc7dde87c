"""A start order is one person's word about exactly one session, and is read as nothing else."""

from __future__ import annotations

import secrets
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.exact import ratio_text
from tests.accounts.people import Clinic, make_clinic
from tms_console.accounts.errors import BadStatement, NotPermitted
from tms_console.accounts.keys import PrivateKey
from tms_console.accounts.roles import Permission, Role, allowed
from tms_console.accounts.start_orders import Ordered, StartOrder, order_start, read_start_order
from tms_console.accounts.statements import statement
from tms_console.accounts.users import deactivate
from tms_console.records.canonical import Json
from tms_console.records.clinical import AddRecord, RecordKind, StoredRecord
from tms_console.records.values import new_uid

SOME_UID = "01890000-0000-7000-8000-000000000001"
"""The same in every process: names of tests must not differ between them."""


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)


def ordered(**changes: Any) -> Ordered:
    return replace(
        Ordered(
            authority_uid=new_uid(),
            authority_digest=secrets.token_hex(32),
            patient_uid=new_uid(),
            threshold_uids=(new_uid(),),
            session_number=1,
            session_uid=new_uid(),
            nonce=secrets.token_hex(32),
        ),
        **changes,
    )


def read(clinic: Clinic, add: AddRecord, seq: int | None = None) -> StartOrder:
    """Read an order as if it came next."""
    with clinic.station.trusting() as trusted:
        place = trusted.head.seq + 1 if seq is None else seq
        record = StoredRecord(
            add.kind, add.uid, place, add.at, add.actor, add.content, add.signature
        )
        return read_start_order(record, trusted.book)


def signed(clinic: Clinic, **members: Json) -> AddRecord:
    """An order by the technician with other members than the program would write."""
    login = clinic.people[Role.TECHNICIAN]
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": login.enrolment.uid,
        "at": clinic.station.wall(),
        **ordered().canonical(),
        **members,
    }
    return statement(
        RecordKind.START_ORDER,
        content,
        login.key(),
        at=str(content["at"]),
        actor=login.user_uid,
    )


@given(
    st.integers(1, 200),
    st.none() | st.lists(st.fractions(Fraction(1), Fraction(150)), min_size=1, max_size=3),
    st.none() | st.text("cues and provocation", min_size=1),
    st.integers(1, 3),
)
def test_the_canonical_form_says_all_of_an_order(
    number: int, today: list[Fraction] | None, pre_step: str | None, blocks: int
) -> None:
    made = ordered(
        session_number=number,
        today_pct_mt=None if today is None else tuple(today),
        pre_step=pre_step,
        threshold_uids=tuple(new_uid() for _ in range(blocks)),
    )
    values = made.canonical()
    assert values["threshold_uid"] == made.threshold_uids[0]
    assert values["today_pct_mt"] == (None if today is None else [ratio_text(x) for x in today])


def test_a_technicians_order_holds_and_says_what_was_ordered(clinic: Clinic) -> None:
    made = ordered(today_pct_mt=(Fraction(115, 2),), pre_step="cues")
    technician = clinic.people[Role.TECHNICIAN]
    add = order_start(clinic.station, technician, made)
    order = read(clinic, add)
    assert order.ordered == made
    assert order.technician.user_uid == technician.user_uid
    assert (order.uid, order.at) == (add.uid, add.at)
    assert add.actor == technician.user_uid


@pytest.mark.parametrize("role", list(Role))
def test_whose_role_does_not_include_it_orders_nothing(clinic: Clinic, role: Role) -> None:
    login = clinic.people[role]
    if allowed(role, Permission.SIGN_START_ORDER):
        assert read(clinic, order_start(clinic.station, login, ordered()))
        return
    with pytest.raises(NotPermitted):
        order_start(clinic.station, login, ordered())
    content: dict[str, Json] = {
        "uid": new_uid(),
        "enrolment_uid": login.enrolment.uid,
        "at": clinic.station.wall(),
        **ordered().canonical(),
    }
    forced = statement(
        RecordKind.START_ORDER, content, login.key(), at=str(content["at"]), actor=login.user_uid
    )
    with pytest.raises(BadStatement, match=f"is {role} and orders no session"):
        read(clinic, forced)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"session_number": 0}, "not a number from 1 on"),
        ({"session_number": True}, "not a number from 1 on"),
        ({"session_number": "1"}, "not a number from 1 on"),
        ({"threshold_uids": []}, "names no threshold, or two that disagree"),
        ({"threshold_uids": [SOME_UID]}, "names no threshold, or two that disagree"),
        ({"threshold_uids": "none"}, "is not a list of texts"),
        ({"threshold_uids": [1]}, "is not a list of texts"),
        ({"threshold_uids": None}, "is not a list of texts"),
        ({"today_pct_mt": ["much"]}, "today_pct_mt"),
        ({"today_pct_mt": [90]}, "is not a list of texts"),
        ({"today_pct_mt": 90}, "is not a list of texts"),
        ({"pre_step": 7}, "pre_step"),
        ({"enrolment_uid": SOME_UID}, "was not enrolled"),
    ],
    ids=str,
)
def test_what_says_something_else_than_an_order_does_not_hold(
    clinic: Clinic, members: dict[str, Json], words: str
) -> None:
    with pytest.raises(BadStatement, match=words):
        read(clinic, signed(clinic, **members))


def test_another_key_another_place_and_an_ended_enrolment_do_not_hold(clinic: Clinic) -> None:
    """The place in the chain decides who could sign, and not the time that the order claims."""
    technician = clinic.people[Role.TECHNICIAN]
    add = order_start(clinic.station, technician, ordered())
    forged = replace(add, signature=PrivateKey.new().sign(add.content.encode()))
    with pytest.raises(BadStatement):
        read(clinic, forged)
    with pytest.raises(BadStatement, match="was not enrolled"):
        read(clinic, add, seq=2)
    place = _next(clinic) - 1
    deactivate(clinic.station, clinic.administrator, technician.user_uid, "left")
    with pytest.raises(BadStatement, match="or no more"):
        read(clinic, add)
    assert read(clinic, add, seq=place).uid == add.uid, "as it was before"


@pytest.mark.parametrize("members", [{"nonce": None}, {"patient_uid": 7}], ids=str)
def test_an_order_without_a_member_that_it_promises_is_not_even_a_record(
    clinic: Clinic, members: dict[str, Json]
) -> None:
    with pytest.raises(ValueError, match=next(iter(members))):
        signed(clinic, **members)


def _next(clinic: Clinic) -> int:
    with clinic.station.trusting() as trusted:
        return trusted.head.seq + 1
