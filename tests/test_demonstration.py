"""The demonstration's clinic: believable, whole, and never mistaken for a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tms_console import demonstration_place as place
from tms_console.accounts.login import log_in
from tms_console.accounts.station import Station, open_station
from tms_console.accounts.verification import verify_accounts
from tms_console.clinic import day
from tms_console.clinic.approvals import standing
from tms_console.clinic.patients import patients
from tms_console.clinic.prescriptions import prescription_uids, versions
from tms_console.clinic.sittings import sittings
from tms_console.demonstration import PEOPLE, make_demonstration
from tms_console.records.clinical import RecordKind
from tms_console.records.database import Purpose, create_database
from tms_console.records.errors import DatabaseUnusable
from tms_console.records.history import write_history
from tms_console.records.queries import list_sessions, summarise_session
from tms_console.records.verify import verify
from tms_console.screens.today import DONE, NEEDS_YOU, READY, WAITS, today_screen

WEDNESDAY = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """A demonstration and what was said while it was made."""

    station: Station
    steps: tuple[tuple[int, int], ...]


pytestmark = pytest.mark.timeout(300)
"""Making the demonstration takes some 16 seconds on a quiet machine, more beside others."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """One demonstration for the module: making it takes seconds."""
    folder = tmp_path_factory.mktemp("demonstration")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMS_CONSOLE_CONFIG", str(folder / "config"))
        patch.setenv("TMS_CONSOLE_STATE", str(folder / "state"))
        steps: list[tuple[int, int]] = []
        path = folder / "demonstration.db"
        make_demonstration(path, lambda done, total: steps.append((done, total)), WEDNESDAY)
        wall = "2026-11-18T15:30:00.000000Z"
        yield Made(open_station(path, lambda: wall), tuple(steps))


@pytest.fixture(autouse=True)
def its_folders(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for keys and heads where the demonstration keeps them."""
    folder = made.station.database.path.parent
    monkeypatch.setenv("TMS_CONSOLE_CONFIG", str(folder / "config"))
    monkeypatch.setenv("TMS_CONSOLE_STATE", str(folder / "state"))


def test_everything_in_it_verifies_rows_and_signatures(made: Made) -> None:
    """A demonstration that fails its own verification would teach people to ignore one."""
    path = made.station.database.path
    rows = verify(path)
    signed = verify_accounts(path, made.station.anchor.public)
    assert (rows.findings, rows.running, signed.findings) == ((), (), ())
    assert rows.sessions == signed.bound > 60
    assert rows.pulses > 50_000


def test_it_says_for_ever_that_it_is_a_demonstration_and_every_session_that_it_is_made_up(
    made: Made,
) -> None:
    assert made.station.database.purpose is Purpose.DEMO
    with made.station.trusting() as trusted:
        assert trusted.demonstration
        begun = [one.begun for one in trusted.sessions.values()]
    assert all(one["simulated"] == 1 for one in begun)
    assert {one["simulated_proof"] for one in begun} == {
        "made up for a demonstration: no stimulator was there"
    }


def test_its_simulated_sessions_count_for_its_courses(made: Made) -> None:
    with made.station.trusting() as trusted:
        found = {
            one.details.name: len([s for s in sittings(trusted, one.patient_uid) if s.counts])
            for one in patients(trusted)
        }
    assert found["Holt, Peter"] == 21
    assert found["Díaz, Lucía"] == 14
    assert found["Novák, Ivana"] == 0
    assert len(found) == 8


def test_an_interrupted_session_and_what_resumes_it_are_one_session_of_the_course(
    made: Made,
) -> None:
    with made.station.trusting() as trusted:
        rivera = next(one for one in patients(trusted) if one.details.name.startswith("Rivera"))
        (line,) = prescription_uids(trusted, rivera.patient_uid)
        assert day.course(trusted, line, "UTC").sessions == 11
        assert max(len(one.rows) for one in sittings(trusted, rivera.patient_uid)) == 2
    states = [one.state for one in list_sessions(made.station.database)]
    assert (states.count("interrupted"), states.count("stopped")) == (1, 1)


def test_an_interrupted_session_has_unknown_pulses_and_none_is_invented(made: Made) -> None:
    lines = list_sessions(made.station.database)
    (interrupted,) = [one for one in lines if one.state == "interrupted"]
    summary = summarise_session(made.station.database, interrupted.uid)
    assert summary.outcomes["unknown"] == 15
    assert interrupted.ended_at is None


def test_prescriptions_stand_in_every_way(made: Made) -> None:
    wall = made.station.wall()
    with made.station.trusting() as trusted:
        codes = {
            objection.code
            for uid in prescription_uids(trusted)
            for one in versions(trusted, uid)
            for objection in standing(trusted, one.prescription.uid, wall).objections
        }
        some_in_force = any(
            standing(trusted, one.prescription.uid, wall).in_force
            for uid in prescription_uids(trusted)
            for one in versions(trusted, uid)
        )
    assert codes == {"unapproved", "returned", "superseded"}
    assert some_in_force


def test_there_is_somebody_of_every_kind_on_its_day(made: Made) -> None:
    with made.station.trusting() as trusted:
        screen = today_screen(trusted, made.station.wall())
    assert {row.group for row in screen.rows} == {READY, NEEDS_YOU, WAITS, DONE}
    told = {row.name: row.action for row in screen.rows}
    assert told["Holt, Peter"] == "Sign the session"
    assert told["Byrne, Tom"] == "Re-measure threshold"
    assert told["Novák, Ivana"] == "Waits for a physician"
    assert told["Okafor-Lindqvist, Maximiliane Charlotte"] == "Screen the patient"


def test_everybody_on_the_login_page_can_log_in(made: Made) -> None:
    roles = {log_in(made.station, login, word).role for login, _, word in PEOPLE.people}
    assert len(roles) == 4


def test_nothing_in_it_is_dated_later_than_it_was_made(made: Made) -> None:
    """A wall clock earlier than the newest audit row closes the gate."""
    with made.station.trusting() as trusted:
        newest, orders = trusted.newest_at, trusted.records(RecordKind.START_ORDER)
    dated = [newest, *(one.at for one in orders)]
    assert max(dated) <= made.station.wall()


def test_progress_is_told_to_the_end(made: Made) -> None:
    done, total = made.steps[-1]
    assert done == total == len(made.steps) > 100


def test_only_a_demonstration_gets_a_past_that_nobody_lived_through(tmp_path: Path) -> None:
    """Otherwise history could be written into a clinic's record."""
    database = create_database(tmp_path / "rehearsals.db", Purpose.REHEARSAL)
    with pytest.raises(DatabaseUnusable, match="only a demo one"):
        write_history(database, [], lambda: "2026-11-18T15:30:00Z")


class TestPlace:
    """Where a demonstration lies."""

    @pytest.fixture(autouse=True)
    def temporary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def test_its_keys_lie_with_it_and_nothing_in_anybodys_own_folders(self) -> None:
        environment: dict[str, str] = {}
        path = place.take_place(environment)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert {Path(one).parent for one in environment.values()} == {path.parent}
        assert len(environment) == 2

    def test_one_of_today_is_used_again_and_one_of_yesterday_thrown_away(self) -> None:
        """What is due in it would be of another day."""
        path = place.take_place({}, date(2026, 11, 18))
        path.write_text("made")
        (path.parent / "state").mkdir()
        place.note_made(path, date(2026, 11, 18))
        assert place.is_made(place.take_place({}, date(2026, 11, 18)))
        assert not place.is_made(place.take_place({}, date(2026, 11, 19)))
        assert not path.exists()

    def test_one_that_was_not_finished_is_thrown_away(self) -> None:
        path = place.take_place({})
        path.write_text("half")
        assert not place.is_made(path)
        place.take_place({})
        assert not path.exists()

    def test_a_folder_that_is_a_link_is_refused(self, tmp_path: Path) -> None:
        """Another user of the machine could have put it there."""
        user = os.getuid()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / f"tms-console-demonstration-{user}").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(PermissionError, match="belongs to somebody else"):
            place.take_place({})

    def test_throwing_it_away_leaves_nothing(self) -> None:
        path = place.take_place({})
        path.write_text("made")
        (path.parent / "config").mkdir()
        place.throw_away(path)
        assert list(path.parent.iterdir()) == []
