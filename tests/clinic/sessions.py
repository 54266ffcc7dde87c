"""Treatment and threshold sessions put on the record of a clinic as a delivering process would."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocols.prescription import Prescription
from tests.accounts.people import Clinic
from tms_console.accounts.roles import Role
from tms_console.accounts.start_orders import Ordered, order_start
from tms_console.records.operations import (
    BeginSession,
    BeginTrain,
    EndSession,
    EndTrain,
    Evidence,
    Operation,
    PulseOutcome,
    PulseResult,
    PulsesFinal,
    SessionKind,
    SessionState,
    TrainOutcome,
)
from tms_console.records.reconcile import reconcile
from tms_console.records.values import new_uid

DELIVERED, UNKNOWN = PulseOutcome.DELIVERED, PulseOutcome.UNKNOWN
NOT_DELIVERED, REFUSED = PulseOutcome.NOT_DELIVERED, PulseOutcome.REFUSED
FOUR_PULSES = (DELIVERED,) * 4


@dataclass(frozen=True)
class Past:
    """A session as it was.

    `ended_at` None and `open` False: the program died, and the next start closed it.
    """

    started_at: str
    ended_at: str | None
    outcomes: Sequence[PulseOutcome] = FOUR_PULSES
    resumes_uid: str | None = None
    simulated: bool = False
    open: bool = False
    today_pct_mt: tuple[Fraction, ...] | None = None
    threshold_uids: tuple[str, ...] = ()
    kind: SessionKind = SessionKind.TREATMENT


def treated(clinic: Clinic, prescription: Prescription, past: Past) -> str:
    """Put a session under a prescription on record; returns its uid."""
    named = tuple(basis.threshold.uid for basis in prescription.doses)
    return _session(
        clinic,
        past,
        Ordered(
            authority_uid=prescription.uid,
            authority_digest=prescription.digest(),
            patient_uid=prescription.patient_uid,
            threshold_uids=past.threshold_uids or named,
            session_number=1,
            session_uid=new_uid(),
            nonce=secrets.token_hex(32),
            today_pct_mt=past.today_pct_mt,
        ),
    )


def measured_in(
    clinic: Clinic, policy: tuple[str, str], patient_uid: str, threshold_uid: str, past: Past
) -> str:
    """Put a session of threshold finding on record, under a policy's uid and digest."""
    return _session(
        clinic,
        past,
        Ordered(
            authority_uid=policy[0],
            authority_digest=policy[1],
            patient_uid=patient_uid,
            threshold_uids=(threshold_uid,),
            session_number=1,
            session_uid=new_uid(),
            nonce=secrets.token_hex(32),
        ),
    )


def begun(ordered: Ordered, past: Past, technician: str) -> BeginSession:
    return BeginSession(
        uid=ordered.session_uid,
        kind=past.kind,
        authority_uid=ordered.authority_uid,
        authority_digest=ordered.authority_digest,
        resumes_uid=past.resumes_uid,
        threshold_uid=ordered.threshold_uids[0],
        technician_uid=technician,
        device_model="MagPro X100",
        device_serial="4711",
        device_firmware="7.1",
        simulated_proof="built by this process" if past.simulated else None,
        coil="MCF-B65",
        software_version="0.1.0",
        realtime_priority="not granted",
        started_at=past.started_at,
        origin_wall=past.started_at,
        actor=technician,
    )


def _session(clinic: Clinic, past: Past, ordered: Ordered) -> str:
    login = clinic.people[Role.TECHNICIAN]
    uid = ordered.session_uid
    begin = begun(ordered, past, login.user_uid)
    clinic.station.write(order_start(clinic.station, login, ordered), begin)
    clinic.station.write(*_train(uid, past.outcomes))
    if past.ended_at is not None:
        end = EndSession(
            session_uid=uid,
            state=SessionState.STOPPED if past.resumes_uid else SessionState.COMPLETED,
            end_reason="complete",
            ended_at=past.ended_at,
        )
        clinic.station.write(end, seal="a session's end")
    elif not past.open:
        reconcile(clinic.station.database, wall=clinic.station.wall)
    return uid


def _train(uid: str, outcomes: Sequence[PulseOutcome]) -> list[Operation]:
    if not outcomes:
        return []
    begin = BeginTrain(
        session_uid=uid,
        block=1,
        number=1,
        intensity_pct_mso=54,
        planned_start_ns=0,
        first_pulse=1,
        planned_ns=tuple(k * 100_000_000 for k in range(len(outcomes))),
    )
    results = tuple(
        PulseResult(
            number=number,
            outcome=outcome,
            evidence=Evidence.INFERRED if outcome is DELIVERED else Evidence.NONE,
        )
        for number, outcome in enumerate(outcomes, 1)
    )
    end = EndTrain(
        session_uid=uid,
        train_number=1,
        started_ns=None,
        ended_ns=None,
        outcome=TrainOutcome.COMPLETED,
    )
    return [begin, PulsesFinal(session_uid=uid, results=results), end]
