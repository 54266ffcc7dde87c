"""Exporting sessions for an auditor or a trial: an act of a person, on record with its digest.

Patients are named by their uid unless their identity is asked for by somebody who may read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tms_console import __version__
from tms_console.accounts.errors import BadStatement
from tms_console.accounts.login import Login, require_current
from tms_console.accounts.roles import Permission
from tms_console.accounts.signatures import Signed
from tms_console.accounts.start_orders import read_start_order
from tms_console.accounts.station import Station
from tms_console.accounts.trust import OldSession, Trusted
from tms_console.clinic.adverse_events import adverse_events_of
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.patients import patient
from tms_console.clinic.sittings import Bindings
from tms_console.records.audit import Wall
from tms_console.records.canonical import Json, canonical_text
from tms_console.records.clinical import CONSOLE_ACTOR, RecordKind
from tms_console.records.database import Database
from tms_console.records.export_folder import ExportFolder, json_bytes
from tms_console.records.export_readme import readme_text
from tms_console.records.heads import ChainHead
from tms_console.records.operations import AuditNote
from tms_console.records.queries import list_sessions, newest_chain_head
from tms_console.records.session_export import (
    MARK,
    SessionFiles,
    mark,
    marked,
    session_files,
    session_table,
)
from tms_console.records.transactions import write_now
from tms_console.records.values import new_uid

EXPORT = "export.records"
"""The audit action; its text is canonical JSON: manifest, sessions, whether patients are named."""

Progress = Callable[[int, int], None]
_EVENT_COLUMNS = (
    "uid",
    "recorded_at",
    "by",
    "onset",
    "what",
    "severity",
    "relatedness",
    "outcome",
    "duration_s",
    "action",
    "description",
    "supersedes",
    "superseded_by",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported.

    Attributes:
        path: The folder or archive.
        manifest_sha256: Stands for all of it; the audit row names it.
        sessions: How many.
        files: How many, the manifest not counted.
        simulated: How many of the sessions were simulated.
    """

    path: Path
    manifest_sha256: str
    sessions: int
    files: int
    simulated: int


def sessions_of(trusted: Trusted, patient_uid: str) -> tuple[str, ...]:
    """Return the sessions of a patient that ended, in order, simulated ones included.

    Raises:
        NotTrusted: Of one session it cannot be told whose it was.
    """
    bindings = Bindings(trusted)
    return tuple(
        one.uid
        for one in trusted.sessions.values()
        if one.ended is not None and bindings.patient_uid(one) == patient_uid
    )


def export_sessions(  # noqa: PLR0913 - who, what, where to, how much of it
    station: Station,
    login: Login,
    uids: Sequence[str],
    target: Path,
    *,
    named: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> Exported:
    """Export sessions of a clinic, with who approved and ordered each.

    Args:
        station: This console.
        login: Who exports.
        uids: Which sessions.
        target: A new folder, or a new archive if it ends in `.zip`.
        named: Names of the patients are in it.
        progress: Told how many of the sessions are done; may raise to give up.

    Raises:
        NotPermitted: Their role does not read sessions, or with `named` not patients.
        ClinicRefused: No session is named.
        ExportFailed: The target is taken, or the disk failed.
        RecordsError: A session is not there, or not over.
        NotTrusted: The database cannot be trusted.
        WriteFailed: The act is not known to be on record; then nothing was exported.
    """
    login.require(Permission.READ_SESSIONS)
    if named:
        login.require(Permission.READ_PATIENTS)
    _require_some(uids)
    with station.trusting() as trusted:
        require_current(station, trusted, login)
        bindings = Bindings(trusted)
        told = {uid: _beside(trusted, bindings, uid) for uid in dict.fromkeys(uids)}
        head, sealed = trusted.head, trusted.sealed_seq
        patients = [_identity(trusted, one) for one in _people(told.values())] if named else None
    who: dict[str, Json] = {
        "user_uid": login.user_uid,
        "name": login.enrolment.name,
        "role": login.role.value,
    }
    job = _Job(station.database, station.wall, who, login.user_uid, head, sealed)
    return job.run(target, told, patients, progress)


def export_rehearsals(
    database: Database,
    uids: Sequence[str],
    target: Path,
    *,
    wall: Wall,
    progress: Progress = lambda _done, _total: None,
) -> Exported:
    """Export sessions of a database in which nobody logs in; its chain notes it too.

    Raises:
        ClinicRefused: No session is named.
        ExportFailed: The target is taken, or the disk failed.
        RecordsError: A session is not there, or not over.
        WriteFailed: The act is not known to be on record; then nothing was exported.
    """
    _require_some(uids)
    job = _Job(database, wall, {"name": "nobody logs in here"}, CONSOLE_ACTOR,
               newest_chain_head(database), 0)  # fmt: skip
    return job.run(target, {uid: _Beside() for uid in dict.fromkeys(uids)}, None, progress)


def every_ended(database: Database) -> tuple[str, ...]:
    """Return the uid of every session that ended, in order.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    return tuple(one.uid for one in list_sessions(database) if one.state != "running")


def _require_some(uids: Sequence[str]) -> None:
    if not uids:
        raise ClinicRefused("There is no session to export.")


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands beside a session in a clinic: whose it was, and on what it rested."""

    patient_uid: str | None = None
    authority: dict[str, Json] | None = None
    approvals: dict[str, Json] | None = None
    events: tuple[tuple[object, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """One export of sessions."""

    database: Database
    wall: Wall
    who: dict[str, Json]
    actor: str
    head: ChainHead
    sealed_seq: int

    def run(
        self,
        target: Path,
        told: dict[str, _Beside],
        patients: list[dict[str, Json]] | None,
        progress: Progress,
    ) -> Exported:
        with ExportFolder(target) as folder:
            done: list[SessionFiles] = []
            for number, (uid, beside) in enumerate(told.items()):
                progress(number, len(told))
                done.append(self._add(folder, uid, beside))
            progress(len(told), len(told))
            flags = [(one.folder, one.simulated) for one in done]
            if patients is not None:
                people = {MARK: _overall(flags), "patients": patients}
                folder.add("patients.json", json_bytes(people))
            folder.add(
                "export.json", json_bytes(self._about(done, told, named=patients is not None))
            )
            folder.add("README.txt", readme_text(flags, named=patients is not None).encode())
            manifest = folder.seal()
            self._note(manifest, list(told), named=patients is not None)
            folder.publish()
            simulated = sum(one.simulated for one in done)
            return Exported(target, manifest, len(done), folder.files, simulated)

    def _add(self, folder: ExportFolder, uid: str, beside: _Beside) -> SessionFiles:
        one = session_files(self.database, uid)
        word = mark(one.simulated)
        files = dict(one.files)
        if beside.authority is not None:
            said = {MARK: word, **beside.authority}
            files[marked("authority.json", one.simulated)] = json_bytes(said)
        if beside.approvals is not None:
            said = {MARK: word, "patient_uid": beside.patient_uid, **beside.approvals}
            files[marked("approvals.json", one.simulated)] = json_bytes(said)
            files[marked("adverse_events.csv", one.simulated)] = session_table(
                uid, one.simulated, _EVENT_COLUMNS, beside.events
            )
        for name, content in files.items():
            folder.add(f"{one.folder}/{name}", content)
        return one

    def _about(
        self, done: list[SessionFiles], told: dict[str, _Beside], *, named: bool
    ) -> dict[str, object]:
        return {
            MARK: _overall([(one.folder, one.simulated) for one in done]),
            "format": "tms-export-1",
            "exported_at": self.wall(),
            "exported_by": self.who,
            "software_version": __version__,
            "database_uid": self.database.uid,
            "console_uid": self.database.console_uid,
            "purpose": self.database.purpose.value,
            "chain_head": {"seq": self.head.seq, "hash": self.head.hash},
            "sealed_seq": self.sealed_seq,
            "patients": "named in patients.json" if named else "by uid alone",
            "sessions": [
                {
                    MARK: mark(one.simulated),
                    "folder": one.folder,
                    "uid": one.uid,
                    "patient_uid": told[one.uid].patient_uid,
                    "kind": one.header["kind"],
                    "started_at": one.header["started_at"],
                    "state": one.header["state"],
                }
                for one in done
            ],
        }

    def _note(self, manifest: str, uids: list[str], *, named: bool) -> None:
        said: dict[str, Json] = {
            "manifest_sha256": manifest,
            "sessions": list(uids),
            "patients_named": named,
        }
        note = AuditNote(
            uid=new_uid(),
            actor=self.actor,
            action=EXPORT,
            subject=f"export:{manifest}",
            detail=canonical_text(said),
        )
        write_now(self.database, note, wall=self.wall)


def _overall(flags: list[tuple[str, bool]]) -> str:
    """Return SIMULATED if a session is, and how many of how many if not all are."""
    number = sum(one for _, one in flags)
    if 0 < number < len(flags):
        return f"{mark(True)}: {number} of {len(flags)} sessions"
    return mark(bool(number))


def _beside(trusted: Trusted, bindings: Bindings, uid: str) -> _Beside:
    session = trusted.sessions.get(uid)
    if session is None:
        raise ClinicRefused(f"There is no session {uid[:40]} on record.")
    patient_uid = bindings.patient_uid(session)
    return _Beside(
        patient_uid,
        _authority(trusted, session),
        {
            "session_uid": uid,
            "start_order": _order(trusted, uid),
            "authority_signatures": [
                _signature(one) for one in trusted.signatures(str(session.begun["authority_uid"]))
            ],
            "session_signatures": [_signature(one) for one in trusted.signatures(uid)],
        },
        tuple(_events(trusted, patient_uid, uid)),
    )


def _authority(trusted: Trusted, session: OldSession) -> dict[str, Json] | None:
    uid = str(session.begun.get("authority_uid"))
    for kind in (RecordKind.PRESCRIPTION, RecordKind.POLICY):
        record = trusted.record(kind, uid)
        if record is not None:
            return {
                "kind": kind.value,
                "uid": uid,
                "digest": record.digest,
                "content": record.values,
            }
    return None


def _order(trusted: Trusted, uid: str) -> dict[str, Json] | None:
    for record in trusted.records(RecordKind.START_ORDER, session_uid=uid):
        try:
            order = read_start_order(record, trusted.book)
        except BadStatement as error:
            return {"uid": record.uid, "holds": False, "why": str(error)}
        return {
            "uid": order.uid,
            "holds": True,
            "name": order.technician.name,
            "role": order.technician.role.value,
            "at": order.at,
            "seq": record.seq,
            "ordered": order.ordered.canonical(),
        }
    return None


def _signature(one: Signed) -> dict[str, Json]:
    return {
        "uid": one.uid,
        "meaning": one.meaning.value,
        "name": one.enrolment.name,
        "role": one.enrolment.role.value,
        "at": one.at,
        "seq": one.seq,
        "subject_digest": one.subject_digest,
        "answers": [answer.canonical() for answer in one.answers],
        "comment": one.comment,
    }


def _events(trusted: Trusted, patient_uid: str | None, uid: str) -> Iterable[tuple[object, ...]]:
    if patient_uid is None:
        return
    for one in adverse_events_of(trusted, patient_uid, all_records=True):
        event = one.event
        if event.session_uid == uid:
            yield (
                one.uid, one.at, one.by, event.onset, event.what.value, event.severity,
                event.relatedness.value, event.outcome.value, event.duration_s, event.action,
                event.description, one.supersedes, one.superseded_by, one.reason,
            )  # fmt: skip


def _people(told: Iterable[_Beside]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.patient_uid for one in told if one.patient_uid is not None))


def _identity(trusted: Trusted, patient_uid: str) -> dict[str, Json]:
    details = patient(trusted, patient_uid).details
    return {
        "patient_uid": patient_uid,
        "name": details.name,
        "birth_date": details.birth_date,
        "record_number": details.record_number,
    }
