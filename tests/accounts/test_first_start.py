"""The first start makes a clinic whole, or leaves nothing that could be taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accounts.people import CHEAP, Counting, Wall, make_clinic
from tms_console.accounts import first_start as module
from tms_console.accounts.anchor import read_anchor
from tms_console.accounts.errors import AccountsRefused, NotTrusted
from tms_console.accounts.first_start import first_start
from tms_console.accounts.passwords import PasswordRefused
from tms_console.accounts.roles import Role
from tms_console.accounts.station import Hashing, open_station
from tms_console.accounts.whole_file import verify_whole
from tms_console.records.database import Purpose, create_database
from tms_console.records.errors import DatabaseUnusable

PASSWORD = "quiet harbour lantern 47"
HASHING = Hashing(Counting(), CHEAP)


def start(path: Path, login: str = "ada", name: str = "Ada", password: str = PASSWORD) -> Role:
    _, started = first_start(path, (login, name), password, wall=Wall(), hashing=HASHING)
    return started.login.role


def test_a_first_start_makes_the_database_the_anchor_and_an_administrator(
    tmp_path: Path,
) -> None:
    path = tmp_path / "clinic.db"
    station, started = first_start(path, ("Ada", " Ada L "), PASSWORD, hashing=HASHING)

    assert started.login.role is Role.ADMINISTRATOR
    assert (started.login.enrolment.login, started.login.enrolment.name) == ("ada", "Ada L")
    assert not started.login.must_change
    kept = read_anchor(station.database.uid)
    assert kept is not None
    assert kept.public == station.anchor.public
    assert kept.public.first_administrator_key == started.login.enrolment.public_key
    assert open_station(path).anchor.public == kept.public
    assert verify_whole(path).findings == ()


@pytest.mark.parametrize(
    ("login", "name", "password"),
    [("x", "Ada", PASSWORD), ("ada", "", PASSWORD), ("ada", "Ada", "password1")],
)
def test_what_cannot_be_used_leaves_no_file(
    tmp_path: Path, login: str, name: str, password: str
) -> None:
    with pytest.raises((AccountsRefused, PasswordRefused)):
        start(tmp_path / "clinic.db", login, name, password)

    assert list(tmp_path.iterdir()) == []


def test_a_clinic_that_was_started_is_not_started_again(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path, Role.TECHNICIAN)

    with pytest.raises(AccountsRefused, match="has been started already"):
        start(clinic.path)
    assert verify_whole(clinic.path).findings == ()


@pytest.mark.parametrize("purpose", [Purpose.REHEARSAL, Purpose.DEMO])
def test_a_database_for_something_else_is_never_put_aside(tmp_path: Path, purpose: Purpose) -> None:
    create_database(tmp_path / "other.db", purpose)

    with pytest.raises(AccountsRefused, match="started already"):
        start(tmp_path / "other.db")
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize("last", ["create_database", "keep_anchor"])
def test_a_first_start_that_died_in_the_middle_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """The unfinished file is kept aside; nobody was ever in it."""
    path = tmp_path / "clinic.db"
    real = getattr(module, last)

    def die(*arguments: object, **more: object) -> None:
        real(*arguments, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, last, die)
        with pytest.raises(KeyboardInterrupt):
            start(path)

    assert start(path) is Role.ADMINISTRATOR
    assert len(list(tmp_path.glob("clinic.db.unfinished-*"))) == 1
    assert verify_whole(path).findings == ()


def test_a_file_that_is_no_database_stays(tmp_path: Path) -> None:
    path = tmp_path / "clinic.db"
    path.write_text("a letter")

    with pytest.raises(DatabaseUnusable):
        start(path)
    assert path.read_text() == "a letter"


def test_a_console_without_the_anchor_does_not_open_the_clinic(
    tmp_path: Path,
) -> None:
    """With the database's key alone a copy can be read elsewhere, but it is another's."""
    from tms_console.accounts.anchor import anchor_path  # noqa: PLC0415 - only here

    clinic = make_clinic(tmp_path, Role.TECHNICIAN)
    anchor_path(clinic.station.database.uid).unlink()

    with pytest.raises(NotTrusted) as caught:
        open_station(clinic.path)
    assert caught.value.code == "foreign"
    assert "not made by this console" in str(caught.value)


def test_only_a_clinics_database_has_a_station(tmp_path: Path) -> None:
    create_database(tmp_path / "r.db", Purpose.REHEARSAL)

    with pytest.raises(DatabaseUnusable, match="only a clinic one"):
        open_station(tmp_path / "r.db")
