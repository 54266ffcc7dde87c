"""Exports: read alone by somebody who has nothing else, marked, checked, and on record."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.clinic.sessions import Past, treated
from tests.delivery.treatments import Ready, ago, make_ready
from tms_console.accounts.errors import AccountsRefused, NotPermitted
from tms_console.accounts.roles import Role
from tms_console.accounts.users import deactivate
from tms_console.clinic.adverse_events import AdverseEvent, What, record_adverse_event
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.exporting import EXPORT, Exported, export_sessions, sessions_of
from tms_console.records.events import audit_page
from tms_console.records.export_folder import ExportFailed
from tms_console.records.queries import session_pulses
from tms_console.records.verify import verify


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path)


def given(ready: Ready, *, simulated: bool = False) -> str:
    past = Past(ago(minutes=30), ago(minutes=20), simulated=simulated)
    return treated(ready.clinic, ready.made, past)


def export(ready: Ready, target: Path, *uids: str, **options: Any) -> Exported:
    return export_sessions(ready.station, ready.technician, uids, target, **options)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def values(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def folder_of(target: Path, uid: str) -> Path:
    (found,) = (one for one in target.iterdir() if uid in one.name)
    return found


def everything(target: Path) -> str:
    return "\n".join(one.read_text() for one in sorted(target.rglob("*")) if one.is_file())


def test_an_export_says_what_was_given_who_ordered_and_who_approved_it(
    ready: Ready, tmp_path: Path
) -> None:
    uid = given(ready)
    event = AdverseEvent(ready.patient_uid, What.HEADACHE, 2, ago(minutes=5), session_uid=uid)
    record_adverse_event(ready.station, ready.technician, event)
    done = export(ready, tmp_path / "out", uid)
    folder = folder_of(tmp_path / "out", uid)
    pulses = table(folder / "pulses.csv")
    known = session_pulses(ready.station.database, uid)
    assert [int(one["number"]) for one in pulses] == known.number.tolist()
    assert [one["outcome"] for one in pulses] == known.outcome.tolist()
    assert [int(one["planned_ns"]) for one in pulses] == known.planned_ns.data.tolist()
    commanded = ["" if one is None else str(one) for one in known.commanded_ns.tolist()]
    assert [one["commanded_ns"] for one in pulses] == commanded  # an unknown time stays empty
    assert [one["evidence"] for one in pulses] == known.evidence.tolist()
    assert len(table(folder / "trains.csv")[0]["digest"]) == 64
    header = values(folder / "session.json")
    assert (header["uid"], header["state"]) == (uid, "completed")
    assert header["technician_uid"] == ready.technician.user_uid
    approvals = values(folder / "approvals.json")
    assert approvals["start_order"]["name"] == "Technician Somebody"
    assert approvals["start_order"]["holds"] is True
    (approval,) = approvals["authority_signatures"]
    assert (approval["role"], approval["subject_digest"]) == ("physician", ready.made.digest())
    assert values(folder / "authority.json")["digest"] == ready.made.digest()
    assert [one["what"] for one in table(folder / "adverse_events.csv")] == ["headache"]
    actions = [one["action"] for one in table(folder / "chain.csv")]
    assert (actions[0], actions[-1]) == ("session.begin", "session.end")
    about = values(tmp_path / "out" / "export.json")
    assert about["sessions"][0]["patient_uid"] == ready.patient_uid
    assert about["exported_by"]["name"] == "Technician Somebody"
    assert done.sessions == 1
    assert "SIMULATED" not in everything(tmp_path / "out").replace(
        (tmp_path / "out" / "README.txt").read_text(), ""
    )


def test_names_are_left_out_unless_somebody_who_may_read_them_asks(
    ready: Ready, tmp_path: Path
) -> None:
    uid = given(ready)
    export(ready, tmp_path / "out", uid)
    told = everything(tmp_path / "out")
    assert ready.patient_uid in told
    for secret in ("Paula", "1984-02-29", "A-17"):
        assert secret not in told
    export(ready, tmp_path / "named", uid, named=True)
    (who,) = values(tmp_path / "named" / "patients.json")["patients"]
    assert who["name"] == "Paula Example"
    assert "PATIENTS ARE NAMED" in (tmp_path / "named" / "README.txt").read_text()
    qa = ready.clinic.people.get(Role.QA) or ready.clinic.add("qa", Role.QA)
    export_sessions(ready.station, qa, [uid], tmp_path / "qa")
    with pytest.raises(NotPermitted):
        export_sessions(ready.station, qa, [uid], tmp_path / "no", named=True)
    assert not (tmp_path / "no").exists()


def test_simulated_stands_in_the_name_and_content_of_every_file_of_such_a_session(
    ready: Ready, tmp_path: Path
) -> None:
    real, simulated = given(ready), given(ready, simulated=True)
    done = export(ready, tmp_path / "out", real, simulated)
    assert (done.sessions, done.simulated) == (2, 1)
    folder = folder_of(tmp_path / "out", simulated)
    files = list(folder.iterdir())
    assert len(files) == 9
    for one in files:
        assert "SIMULATED" in one.name
        assert "SIMULATED" in one.read_text(), one.name
        if one.suffix == ".csv":
            assert {line["simulated"] for line in table(one)} <= {"SIMULATED"}
    for one in folder_of(tmp_path / "out", real).iterdir():
        assert "SIMULATED" not in one.name
        assert "SIMULATED" not in one.read_text()
    assert "1 of 2 sessions" in (tmp_path / "out" / "README.txt").read_text()
    assert values(tmp_path / "out" / "export.json")["simulated"] == "SIMULATED: 1 of 2 sessions"


def test_the_manifest_covers_every_file_and_its_digest_is_in_the_chain(
    ready: Ready, tmp_path: Path
) -> None:
    uid = given(ready)
    before = audit_page(ready.station.database, None, 1)[0]
    done = export(ready, tmp_path / "out", uid)
    manifest = tmp_path / "out" / "manifest.sha256"
    lines = [line.split("  ") for line in manifest.read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    there = {
        str(one.relative_to(tmp_path / "out")): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in (tmp_path / "out").rglob("*")
        if one.is_file() and one != manifest
    }
    assert listed == there
    assert len(there) == done.files
    assert hashlib.sha256(manifest.read_bytes()).hexdigest() == done.manifest_sha256
    newest = audit_page(ready.station.database, None, 1)[0]
    assert (newest.action, newest.actor) == (EXPORT, ready.technician.user_uid)
    assert newest.subject == f"export:{done.manifest_sha256}"
    head = values(tmp_path / "out" / "export.json")["chain_head"]
    assert (head["seq"], head["hash"]) == (before.seq, before.hash)
    assert verify(ready.station.database.path).sound
    for one in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(one.stat().st_mode) & 0o077 == 0


def test_an_archive_holds_the_same_files_as_a_folder(ready: Ready, tmp_path: Path) -> None:
    uid = given(ready)
    export(ready, tmp_path / "out.zip", uid)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert "out/README.txt" in names
    assert any(uid in one and one.endswith("/pulses.csv") for one in names)
    assert [one.name for one in tmp_path.glob(".out*")] == []


def test_nothing_is_replaced_and_nothing_half_done_is_left(ready: Ready, tmp_path: Path) -> None:
    uid = given(ready)
    (tmp_path / "out").mkdir()
    before = audit_page(ready.station.database, None, 1)
    with pytest.raises(ExportFailed, match="is there already"):
        export(ready, tmp_path / "out", uid)

    def give_up(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(ready, tmp_path / "other", uid, progress=give_up)
    with pytest.raises(ClinicRefused, match="no session"):
        export(ready, tmp_path / "other", "0" * 36)
    with pytest.raises(ClinicRefused, match="no session to export"):
        export(ready, tmp_path / "other")
    assert not list(tmp_path.glob("*other*"))
    assert not list(tmp_path.glob(".other*"))
    assert audit_page(ready.station.database, None, 1) == before


def test_an_act_that_cannot_be_put_on_record_exports_nothing(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tms_console.clinic import exporting  # noqa: PLC0415 - beside its one use
    from tms_console.records.errors import WriteFailed  # noqa: PLC0415

    def full(*_: object, **__: object) -> None:
        raise WriteFailed("the disk is full")

    uid = given(ready)
    monkeypatch.setattr(exporting, "write_now", full)
    with pytest.raises(WriteFailed):
        export(ready, tmp_path / "out", uid)
    assert not list(tmp_path.glob("*out*"))


def test_who_is_not_enrolled_any_more_exports_nothing(ready: Ready, tmp_path: Path) -> None:
    uid = given(ready)
    deactivate(ready.station, ready.clinic.administrator, ready.technician.user_uid, "left")
    with pytest.raises(AccountsRefused):
        export(ready, tmp_path / "out", uid)


def test_the_sessions_of_a_patient_are_all_that_ended(ready: Ready) -> None:
    first, second = given(ready), given(ready, simulated=True)
    with ready.trusting() as trusted:
        assert sessions_of(trusted, ready.patient_uid) == (first, second)
        assert sessions_of(trusted, "0" * 36) == ()
