"""Whatever people do with accounts, in any order: the file stays trusted and every word counts."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.accounts.people import first_password, make_clinic, password_of
from tests.accounts.tampering import Kept, copy_of, put_in_place
from tms_console.accounts.errors import AccountsError, NotTrusted
from tms_console.accounts.login import Login, log_in
from tms_console.accounts.own_key import (
    change_password,
    confirm_key,
    confirm_own_key,
    set_own_password,
)
from tms_console.accounts.roles import Role
from tms_console.accounts.station import Station
from tms_console.accounts.users import NewUser, add_user, deactivate, reset_password
from tms_console.records.database import open_database
from tms_console.records.verify import verify

_numbers = itertools.count()


@dataclass
class Life:
    """A clinic and what its people know; acts that are refused change nothing."""

    station: Station
    administrator: Login
    uids: dict[str, str]
    codes: dict[str, str]
    done: list[str] = field(default_factory=list)

    def add(self, _: str, role: Role) -> None:
        login = f"person{next(_numbers)}"
        user = NewUser(login, "Some Body", role)
        self.uids[login] = add_user(self.station, self.administrator, user, first_password(login))

    def settle(self, who: str, _: Role) -> None:
        login = log_in(self.station, who, first_password(who))
        self.codes[who] = set_own_password(self.station, login, password_of(who)).recovery_code

    def reset(self, who: str, _: Role) -> None:
        reset_password(self.station, self.administrator, self.uids[who], first_password(who))

    def deactivate(self, who: str, _: Role) -> None:
        deactivate(self.station, self.administrator, self.uids[who], "left")

    def change(self, who: str, _: Role) -> None:
        login = log_in(self.station, who, password_of(who))
        change_password(self.station, login, password_of(who), password_of(who) + " again")
        login = log_in(self.station, who, password_of(who) + " again")
        change_password(self.station, login, password_of(who) + " again", password_of(who))

    def confirm(self, who: str, _: Role) -> None:
        physician = log_in(self.station, "second", password_of("second"))
        with self.station.trusting() as trusted:
            newest = trusted.book.enrolments_of(self.uids[who])[-1]
        confirm_key(self.station, physician, newest.uid, password_of("second"))

    def confirm_own(self, who: str, _: Role) -> None:
        login = log_in(self.station, who, password_of(who))
        confirm_own_key(self.station, login, self.codes[who])

    def fail(self, who: str, _: Role) -> None:
        log_in(self.station, who, "not the password at all")


ACTS: tuple[Callable[[Life, str, Role], None], ...] = (
    Life.add,
    Life.settle,
    Life.reset,
    Life.deactivate,
    Life.change,
    Life.confirm,
    Life.confirm_own,
    Life.fail,
)


@dataclass(frozen=True)
class Start:
    """A small clinic, to be lived in again and again."""

    life: Life
    file: bytes
    kept: Kept

    def again(self) -> Life:
        folder = Path(tempfile.mkdtemp(dir=self.kept.state.parent))
        self.kept.put_back()
        put_in_place(folder / "clinic.db", self.file)
        station = replace(self.life.station, database=open_database(folder / "clinic.db"))
        return Life(station, self.life.administrator, dict(self.life.uids), dict(self.life.codes))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    folder = tmp_path_factory.mktemp("life")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMS_CONSOLE_STATE", str(folder / "state"))
        patch.setenv("TMS_CONSOLE_CONFIG", str(folder / "configuration"))
        clinic = make_clinic(folder, Role.PHYSICIAN)
        second = clinic.add("second", Role.PHYSICIAN)
        physician = clinic.people[Role.PHYSICIAN]
        uids = {"physician": physician.user_uid, "second": second.user_uid}
        life = Life(clinic.station, clinic.administrator, uids, dict(clinic.codes))
        return Start(life, copy_of(clinic.path), Kept.copied(folder))


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTS), st.integers(0, 5), st.sampled_from(Role)),
        min_size=3,
        max_size=9,
    )
)
def test_any_sequence_of_honest_acts_leaves_a_trusted_file(
    start: Start, acts: list[tuple[Callable[[Life, str, Role], None], int, Role]]
) -> None:
    life = start.again()
    for act, number, role in acts:
        who = list(life.uids)[number % len(life.uids)]
        with contextlib.suppress(AccountsError):
            act(life, who, role)
            life.done.append(act.__name__)
        try:
            with life.station.trusting() as trusted:
                assert trusted.book.rejected == [], life.done
        except (
            NotTrusted
        ) as error:  # NotTrusted is an AccountsError: it must not pass for a refusal
            pytest.fail(f"{error.code} after {life.done}")
    assert verify(life.station.database.path).findings == ()


def test_a_whole_life_of_resets_and_confirmations(start: Start) -> None:
    """One sequence in which nothing is refused, so that the one above is known to get that far."""
    life = start.again()
    life.reset("physician", Role.PHYSICIAN)
    code = life.codes["physician"]
    life.settle("physician", Role.PHYSICIAN)
    life.confirm("physician", Role.PHYSICIAN)
    life.codes["physician"], between = code, life.codes["physician"]
    life.reset("physician", Role.PHYSICIAN)
    life.settle("physician", Role.PHYSICIAN)
    life.codes["physician"] = between
    life.confirm_own("physician", Role.PHYSICIAN)
    life.change("physician", Role.PHYSICIAN)
    life.add("", Role.TECHNICIAN)
    newest = list(life.uids)[-1]
    life.settle(newest, Role.TECHNICIAN)
    life.deactivate(newest, Role.TECHNICIAN)
    with pytest.raises(AccountsError):
        life.fail("second", Role.PHYSICIAN)

    with life.station.trusting() as trusted:
        assert trusted.book.rejected == []
        enrolment = trusted.book.active(life.uids["physician"], life.station.wall())
        assert enrolment is not None
        assert enrolment.may_approve_at(trusted.head.seq + 1)
    assert verify(life.station.database.path).findings == ()
