"""How each operation becomes rows: the statements, and the audit row that goes with them.

Transactions, threads and failures belong to `writer`; the rules that any SQLite tool must obey are
in schema/*.sql.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as insert_or_update
from sqlalchemy.exc import IntegrityError

from tms_console.records.audit import AuditChain
from tms_console.records.canonical import Json, digest
from tms_console.records.clinical import RECORD_ADD, RecordKind, content_digest, content_of
from tms_console.records.clinical_tables import CREDENTIAL, RECORDS
from tms_console.records.digests import (
    BEGIN_COLUMNS,
    train_subject,
)
from tms_console.records.errors import IllegalOperation
from tms_console.records.operations import (
    AddRecord,
    AuditNote,
    BeginPulse,
    BeginSession,
    BeginTrain,
    EndSession,
    EndTrain,
    Frames,
    Operation,
    PulsesFinal,
    SessionEvent,
    SetCredential,
    TrainCommanded,
    UnplannedPulse,
)
from tms_console.records.sealing import (
    Sealed,
    end_session,
    end_train,
    seal_session,
    seal_train,
    session_id,
    train_key,
)
from tms_console.records.stated import (
    NOT_GIVEN,
    OUTCOMES_ARE_STATED,
    STATED_EVERY,
    spans_of,
)
from tms_console.records.tables import EVENT, FRAME, PULSE, SESSION, TRAIN

_INSERT_PULSE = insert(PULSE)
_INSERT_FRAME = insert(FRAME)
_INSERT_COMMANDED = (
    "INSERT INTO pulse (session_id, number, train_id, intensity_pct_mso, planned_ns, outcome, "
    "evidence) VALUES (?, ?, ?, ?, ?, 'commanded', 'none')"
)
"""As text: for 600 pulses (cTBS) Core takes 2 ms of the write lock's 5 to build parameters."""
_FOUND_IN = text(
    "SELECT 1 FROM threshold WHERE content ->> '$.session_uid' = :session "
    "AND content ->> '$.found' IS NOT NULL AND supersedes IS NULL LIMIT 1"
)
_FINALISE = (
    update(PULSE)
    .where(
        PULSE.c.session_id
        == select(SESSION.c.id).where(SESSION.c.uid == bindparam("s")).scalar_subquery(),
        PULSE.c.number == bindparam("n"),
        PULSE.c.outcome == "commanded",
    )
    .values(
        outcome=bindparam("o"),
        evidence=bindparam("e"),
        commanded_ns=func.coalesce(bindparam("c"), PULSE.c.commanded_ns),
        observed_ns=bindparam("seen"),
        realised_a_us=bindparam("a"),
    )
)


def needs_preparation(operation: Operation) -> bool:
    """Return True for an operation whose digests are computed before its transaction begins."""
    return isinstance(operation, EndTrain | EndSession)


def prepare(connection: Connection, operation: Operation) -> Sealed | None:
    """Compute what an operation seals, so that nothing but writing happens under the write lock.

    Only the holder of the session lock writes these rows, so they do not change in between;
    `store` compares the counts all the same.

    Raises:
        IllegalOperation: The session or train is not on record, or a pulse has no outcome yet.
    """
    match operation:
        case EndTrain():
            return seal_train(
                connection,
                operation.session_uid,
                operation.train_number,
                {
                    "started_ns": operation.started_ns,
                    "ended_ns": operation.ended_ns,
                    "outcome": operation.outcome.value,
                },
            )
        case EndSession():
            return seal_session(
                connection,
                operation.session_uid,
                {
                    "state": operation.state.value,
                    "end_reason": operation.end_reason,
                    "ended_at": operation.ended_at,
                },
                operation.actor,
            )
        case _:
            return None


def store(
    connection: Connection, chain: AuditChain, operation: Operation, sealed: Sealed | None = None
) -> None:
    """Write one operation and its audit row inside the caller's transaction.

    Raises:
        IllegalOperation: It contradicts what is on record; roll back.
    """
    try:
        _store(connection, chain, operation, sealed)
    except IntegrityError as error:
        raise IllegalOperation(f"{operation.op}: {error.orig}") from error


def _store(  # noqa: PLR0912 - one row each
    connection: Connection, chain: AuditChain, operation: Operation, sealed: Sealed | None
) -> None:
    match operation, sealed:
        case BeginSession(), _:
            _begin_session(connection, chain, operation)
        case BeginTrain(), _:
            _begin_train(connection, chain, operation)
        case BeginPulse(), _:
            _begin_pulse(connection, chain, operation)
        case TrainCommanded(), _:
            _train_commanded(connection, operation)
        case PulsesFinal(), _:
            _pulses_final(connection, chain, operation)
        case UnplannedPulse(), _:
            _unplanned_pulse(connection, chain, operation)
        case EndTrain(), Sealed():
            end_train(connection, chain, operation.session_uid, operation.train_number, sealed)
        case SessionEvent(), _:
            _session_event(connection, chain, operation)
        case Frames(), _:
            _frames(connection, operation)
        case EndSession(), Sealed():
            end_session(connection, chain, operation.session_uid, sealed)
        case AuditNote(), _:
            detail = {"uid": operation.uid, "text": operation.detail}
            chain.append(operation.action, operation.subject, detail, operation.actor)
        case AddRecord(), _:
            _add_record(connection, chain, operation)
        case SetCredential(), _:
            _set_credential(connection, chain, operation)
        case _:
            raise IllegalOperation(f"{operation.op}: it was not prepared before its transaction")


def _begin_session(connection: Connection, chain: AuditChain, begin: BeginSession) -> None:
    values: dict[str, Json] = {
        name: getattr(begin, name)
        for name in BEGIN_COLUMNS
        if name not in {"console_uid", "simulated", "kind"}
    }
    values["console_uid"] = chain.head.console_uid
    values["simulated"] = int(begin.simulated_proof is not None)
    values["kind"] = begin.kind.value
    keys = {
        "threshold_id": _local_key(connection, "threshold", begin.threshold_uid),
        "technician_id": _local_key(connection, "user", begin.technician_uid),
    }
    connection.execute(insert(SESSION), values | keys | {"state": "running"})
    values |= {"threshold_uid": begin.threshold_uid, "technician_uid": begin.technician_uid}
    chain.append("session.begin", f"session:{begin.uid}", values, begin.actor)


def _local_key(connection: Connection, kind: str, uid: str | None) -> int | None:
    if uid is None:
        return None
    table: Table = RECORDS[RecordKind(kind)]
    found = connection.execute(select(table.c.id).where(table.c.uid == uid)).scalar()
    if found is None:
        raise IllegalOperation(f"{kind} {uid} is not on record")
    return int(found)


def _begin_train(connection: Connection, chain: AuditChain, begin: BeginTrain) -> None:
    session = session_id(connection, begin.session_uid)
    train = connection.execute(
        insert(TRAIN),
        {
            "session_id": session,
            "block": begin.block,
            "number": begin.number,
            "intensity_pct_mso": begin.intensity_pct_mso,
            "planned_start_ns": begin.planned_start_ns,
            "outcome": "running",
        },
    ).lastrowid
    if begin.planned_ns:
        intensity = begin.intensity_pct_mso
        connection.exec_driver_sql(
            _INSERT_COMMANDED,
            [
                (session, number, train, intensity, planned_ns)
                for number, planned_ns in enumerate(begin.planned_ns, begin.first_pulse)
            ],
        )
    chain.append(
        "train.begin",
        train_subject(begin.session_uid, begin.number),
        {
            "block": begin.block,
            "intensity_pct_mso": begin.intensity_pct_mso,
            "planned_start_ns": begin.planned_start_ns,
            "first_pulse": begin.first_pulse,
            "pulses": len(begin.planned_ns),
            OUTCOMES_ARE_STATED: True,
        },
    )


def _begin_pulse(connection: Connection, chain: AuditChain, begin: BeginPulse) -> None:
    train = train_key(connection, begin.session_uid, begin.train_number)
    connection.execute(
        _INSERT_PULSE,
        {
            "session_id": train.session_id,
            "number": begin.number,
            "train_id": train.id,
            "intensity_pct_mso": begin.intensity_pct_mso,
            "planned_ns": begin.planned_ns,
            "outcome": "commanded",
            "evidence": "none",
        },
    )
    if begin.number % STATED_EVERY == 0:
        subject = train_subject(begin.session_uid, begin.train_number)
        chain.append("train.pulses", subject, {"begun_to": begin.number})


def _train_commanded(connection: Connection, commanded: TrainCommanded) -> None:
    train = train_key(connection, commanded.session_uid, commanded.train_number)
    connection.execute(
        update(PULSE)
        .where(
            PULSE.c.session_id == train.session_id,
            PULSE.c.train_id == train.id,
            PULSE.c.outcome == "commanded",
            PULSE.c.commanded_ns.is_(None),
        )
        .values(commanded_ns=commanded.commanded_ns)
    )


def _pulses_final(connection: Connection, chain: AuditChain, final: PulsesFinal) -> None:
    if not final.results:
        return
    done = connection.execute(
        _FINALISE,
        [
            {
                "s": final.session_uid,
                "n": result.number,
                "o": result.outcome.value,
                "e": result.evidence.value,
                "c": result.commanded_ns,
                "seen": result.observed_ns,
                "a": result.realised_a_us,
            }
            for result in final.results
        ],
    )
    if done.rowcount != len(final.results):
        numbers = [result.number for result in final.results]
        raise IllegalOperation(
            f"session {final.session_uid}: {len(numbers) - done.rowcount} of the pulses {numbers} "
            "are not on record as commanded, and only such a pulse gets an outcome"
        )
    not_given = [one.number for one in final.results if one.outcome.value in NOT_GIVEN]
    if not_given:
        spans: list[Json] = [[first, last] for first, last in spans_of(not_given)]
        chain.append("pulses.not_given", f"session:{final.session_uid}", {"numbers": spans})


def _unplanned_pulse(connection: Connection, chain: AuditChain, pulse: UnplannedPulse) -> None:
    values: dict[str, Json] = {
        "number": pulse.number,
        "intensity_pct_mso": pulse.intensity_pct_mso,
        "planned_ns": None,
        "commanded_ns": None,
        "observed_ns": pulse.observed_ns,
        "realised_a_us": pulse.realised_a_us,
        "outcome": "unplanned",
        "evidence": pulse.evidence.value,
    }
    keys = {"session_id": session_id(connection, pulse.session_uid)}
    if pulse.train_number is not None:
        keys["train_id"] = train_key(connection, pulse.session_uid, pulse.train_number).id
    connection.execute(_INSERT_PULSE, values | keys)
    chain.append(
        "pulse.unplanned",
        f"pulse:{pulse.session_uid}/{pulse.number}",
        values | {"train": pulse.train_number},
    )


def _session_event(connection: Connection, chain: AuditChain, event: SessionEvent) -> None:
    values: dict[str, Json] = {
        "at_ns": event.at_ns,
        "kind": event.kind.value,
        "detail": event.detail,
    }
    session = session_id(connection, event.session_uid)
    connection.execute(insert(EVENT), values | {"session_id": session})
    chain.append(
        "event.add", f"event:{event.uid}", values | {"session": event.session_uid}, event.actor
    )


def _frames(connection: Connection, frames: Frames) -> None:
    session = None if frames.session_uid is None else session_id(connection, frames.session_uid)
    if frames.frames:
        connection.execute(
            _INSERT_FRAME,
            [
                {
                    "session_id": session,
                    "at_ns": frame.at_ns,
                    "direction": frame.direction.value,
                    "bytes": frame.data,
                }
                for frame in frames.frames
            ],
        )


def _require_first_of_series(connection: Connection, add: AddRecord) -> None:
    """Of one search for a threshold only one result is ever put on record; two may try at once.

    Corrections name what they correct; a value that somebody entered says nothing of a search.
    """
    members = content_of(add.content)
    if members.get("found") is None or members.get("supersedes") is not None:
        return
    series = {"session": members.get("session_uid")}
    if connection.execute(_FOUND_IN, series).first() is not None:
        raise IllegalOperation("threshold: the result of this series is on record already")


def _add_record(connection: Connection, chain: AuditChain, add: AddRecord) -> None:
    if add.kind is RecordKind.THRESHOLD:
        _require_first_of_series(connection, add)
    detail: dict[str, Json] = {"at": add.at, "digest": content_digest(add.content)}
    if add.signature is not None:
        detail["signature"] = add.signature
    chain.append(RECORD_ADD, add.kind.subject(add.uid), detail, add.actor)
    row: dict[str, object] = {
        "uid": add.uid,
        "seq": chain.head.seq,
        "at": add.at,
        "actor": add.actor,
        "content": add.content,
    }
    if add.signature is not None:
        row["signature"] = add.signature
    if add.data is not None:
        row["data"] = add.data
    connection.execute(insert(RECORDS[add.kind]), row)


def credential_detail(row: dict[str, Json]) -> dict[str, Json]:
    """Return what the audit chain says of a credential: its public key and a digest, no secret."""
    public = {name: row[name] for name in ("public_key", "must_change", "set_at")}
    return public | {"digest": digest({"tag": "tms-credential-1"} | row)}


def _set_credential(connection: Connection, chain: AuditChain, credential: SetCredential) -> None:
    row = credential.row()
    kept = {name: value for name, value in row.items() if name != "user_uid"}
    statement = insert_or_update(CREDENTIAL).values(**row)
    connection.execute(statement.on_conflict_do_update(index_elements=["user_uid"], set_=kept))
    subject = f"user:{credential.user_uid}"
    chain.append("credential.set", subject, credential_detail(row), credential.actor)
