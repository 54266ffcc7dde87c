"""One session with its record and its device open: asks the gate, writes the row, runs, closes.

The loop itself is `runner`; what is opened, and for whom, is `session`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import rfc8785

from drivers.errors import StimulatorError
from drivers.interface import (
    Capabilities,
    Clock,
    Frame,
    Stimulator,
    TrainSettings,
    TrainTiming,
)
from drivers.registry import driver_entry
from drivers.simulator.proof import Proof
from protocols.canonical import canonical_text
from protocols.limits import DeliverableLimits, Finding, review
from protocols.prescription import SessionContent
from tms_console.accounts.envelope import envelope_of
from tms_console.delivery.asked_of_device import loads_of, sequence_of
from tms_console.delivery.authorised import Authorised
from tms_console.delivery.authority import Authority
from tms_console.delivery.finding_authority import FindingAuthority
from tms_console.delivery.finding_runner import FindingRunner
from tms_console.delivery.gate import (
    CheckResult,
    GateRefused,
    SessionFacts,
    check_session,
    refusals,
)
from tms_console.delivery.journal import AUTHORITY, FrameBuffer, Journal
from tms_console.delivery.order import SessionOrder
from tms_console.delivery.place import CannotBegin, Place
from tms_console.delivery.plan import (
    NotPlannable,
    Plan,
    is_host_timed,
    plan_on_demand,
    plan_session,
    resumed_plan,
)
from tms_console.delivery.realtime import garbage_kept, realtime_thread, sleep_inhibited
from tms_console.delivery.resume import CannotResume, resumption
from tms_console.delivery.runner import Joined, SessionRunner
from tms_console.delivery.surroundings import SessionResult, Surroundings
from tms_console.delivery.wall import WallClock, behind_s
from tms_console.records.database import Database
from tms_console.records.left_behind import UnsavedHeader
from tms_console.records.lineage import session_chain
from tms_console.records.operations import (
    AuditNote,
    BeginSession,
    EventKind,
    Frames,
    SessionEvent,
    SessionState,
    new_uid,
)
from tms_console.records.writer import InlineWriter, SessionWriter, ThreadedWriter

LOGGER = logging.getLogger(__name__)

ORIGIN_LEAD_NS = 300_000_000
"""Between the session's row and the first check; the first train's own lead comes on top."""


def start_refused(authority_uid: str, actor: str, words: str) -> AuditNote:
    """Return the note of a start that was refused; who is not proved to ask is not named."""
    return AuditNote(
        uid=new_uid(),
        actor=actor,
        action="gate.refused",
        subject=f"authority:{authority_uid}",
        detail=words,
    )


@dataclass(frozen=True, slots=True)
class _Ran:
    """How the session loop ended, and whether the row that closes the session is on disk."""

    state: SessionState
    reason: str
    closed: bool


class Opened:
    """One order with everything opened for it."""

    def __init__(
        self,
        order: SessionOrder,
        authority: Authority,
        database: Database,
        around: Surroundings,
        place: Place,
    ) -> None:
        self._order = order
        self._authority = authority
        self._content = authority.content
        self._database = database
        self._around = around
        self._place = place
        self._clock = place.clock
        self._wall = WallClock(place.clock)
        self._uid = new_uid() if around.challenge is None else around.challenge.session_uid

    def run(
        self, stimulator: Stimulator, proof: Proof | None, frames: FrameBuffer
    ) -> SessionResult:
        """Ask the gate, put the session on record and run it."""
        self._stimulator, self._frames = stimulator, frames
        header = UnsavedHeader(
            session_uid=self._uid,
            database_uid=self._database.uid,
            console_uid=self._database.console_uid,
            origin_wall=self._wall.text(),
            port=self._place.port,
            driver=self._place.driver,
        )
        with self._writer(header) as writer:
            try:
                plan = self._plan()
                checks = self._pass_gate(proof)
                self._prepare_first_train(plan)
            except CannotBegin as error:
                self._record_refusal(writer, str(error))
                raise
            with _help(self._clock) as helped:
                ran = self._run(writer, plan, proof, checks, helped)
            self._stimulator.close()
            self._log_last_frames(writer)
            saved = writer.close() and ran.closed
            self._authority.closed()
            return SessionResult(
                session_uid=self._uid,
                state=ran.state,
                reason=ran.reason,
                checks=checks,
                saved=saved,
                lost=writer.lost,
                planned_pulses=plan.pulses,
                planned_ns=plan.duration_ns,
            )

    def _writer(self, header: UnsavedHeader) -> SessionWriter:
        kind = InlineWriter if self._clock.virtual else ThreadedWriter
        options = replace(self._around.writer_options, envelope=envelope_of(self._database))
        return kind(self._database, header, self._record_failed, options)

    def _record_failed(self, sentence: str) -> None:
        """Called by the writer: delivery stops before anything else is tried."""
        self._around.controls.fail(f"the record cannot be written: {sentence}")

    def _plan(self) -> Plan:
        """Return the plan: the whole, or what is left of the session that it goes on from.

        Raises:
            CannotBegin: It cannot be sequenced, or not be resumed.
        """
        capabilities = self._stimulator.capabilities
        try:
            if isinstance(self._authority, FindingAuthority):
                return plan_on_demand(self._content, arming_s=capabilities.arming_s)
            plan = plan_session(
                self._content,
                waits_between_blocks=False,
                checking_s=capabilities.checking_s,
                arming_s=capabilities.arming_s,
            )
            if self._order.resumes_uid is None:
                return plan
            chain = session_chain(self._database, self._order.resumes_uid)
            digest = self._authority.on_record.authority_digest
            point = resumption(chain, plan.shots, digest, self._authority.now())
            return resumed_plan(plan, point.first_shot, point.given, point.not_before_unix_ns)
        except NotPlannable as error:
            raise CannotBegin(str(error)) from error
        except CannotResume as error:
            words = f"session {self._order.resumes_uid} cannot be resumed: {error}"
            raise CannotBegin(words) from error

    def _pass_gate(self, proof: Proof | None) -> tuple[CheckResult, ...]:
        """Ask the gate.

        Raises:
            CannotBegin: It refused.
        """
        checks = check_session(
            SessionFacts(
                kind=self._authority.on_record.kind.value,
                people=self._authority.checks(),
                signed_digest=self._authority.on_record.authority_digest,
                content_digest=self._authority.digest_now(),
                proof="" if proof is None else proof.text,
                database_purpose=self._database.purpose.value,
                free_bytes=self._database.free_bytes(),
                behind_s=behind_s(self._authority.newest_at),
                capabilities=self._stimulator.capabilities,
                status=self._stimulator.status(),
                loads=loads_of(self._content),
                sequence=sequence_of(self._content),
                coils=[block.coil for block in self._content.blocks],
                driver_reviewed=driver_entry(self._place.driver).reviewed,
                coil_stated=self._authority.coil_stated,
                findings=self._findings(),
            )
        )
        refused = refusals(checks)
        if refused:
            raise CannotBegin(str(GateRefused(refused)), checks)
        return checks

    def _record_refusal(self, writer: SessionWriter, words: str) -> None:
        """Put into the audit trail that nothing began, and why."""
        said = self._authority.on_record
        writer.submit(start_refused(said.authority_uid, said.actor, words)).wait(5.0)

    def _findings(self) -> tuple[Finding, ...]:
        """Review the content against the published limits and this very stimulator."""
        if not isinstance(self._content, SessionContent):
            return ()  # single stimuli inside the policy: no table speaks of them
        device = self._stimulator.capabilities
        limits = DeliverableLimits(max(1, device.min_pct_mso), device.max_pct_mso, device.refusal)
        return review(self._content, limits, None)

    def _prepare_first_train(self, plan: Plan) -> None:
        """Set the stimulator for the first train; a change of waveform may take it many seconds."""
        shot = plan.shots[0]
        intensity = plan.intensity(0, tuple(block.intensity_pct_mso for block in plan.blocks))
        timing = TrainTiming.HOST if is_host_timed(shot.scheduled.train) else TrainTiming.DEVICE
        self._stimulator.disarm()
        try:
            self._stimulator.configure(TrainSettings(shot.scheduled.train, intensity, timing))
        except StimulatorError as error:
            raise CannotBegin(f"the stimulator could not be set: {error}") from error

    def _run(
        self,
        writer: SessionWriter,
        plan: Plan,
        proof: Proof | None,
        checks: tuple[CheckResult, ...],
        helped: dict[str, str],
    ) -> _Ran:
        """Put the session on record and run it to its end."""
        now_ns = self._clock.now_ns()
        rest_ns = plan.not_before_unix_ns - self._wall.unix_ns(now_ns)
        soonest_ns = now_ns + max(ORIGIN_LEAD_NS + plan.lead.checking_ns, rest_ns)
        capabilities = self._stimulator.capabilities
        origin_ns = max(soonest_ns, capabilities.not_before_ns)
        if origin_ns > soonest_ns:
            plan = replace(plan, first_waits=capabilities.why_not_before)
        for record in self._authority.opening():
            writer.submit(record)
        ticket = writer.submit(self._row(proof, origin_ns, helped["priority"]))
        if not ticket.wait(5.0):
            raise CannotBegin(f"the session could not be put on record: {writer.failure}")
        self._describe(writer, origin_ns, checks, helped)
        if plan.first_waits:
            words = f"the first pulse comes {(origin_ns - now_ns) / 1e9:.1f} s after the start"
            self._note(writer, origin_ns, EventKind.TIMING, f"{words}: {plan.first_waits}")
        try:
            self._around.began(self._uid, checks)
        except Exception:  # whoever looks on must not be able to end a session
            LOGGER.exception("nobody could be told that the session began; it goes on")
        authorised = Authorised(
            authority=self._authority,
            plan=plan,
            capabilities=capabilities,
            coil=capabilities.coil,
            pulses_before=self._authority.pulses_before + plan.given_before,
        )
        joined = Joined(
            stimulator=self._stimulator,
            journal=Journal(self._uid, origin_ns, self._clock, writer, self._frames),
            wall=self._wall,
            controls=self._around.controls,
            publish=self._around.publish,
            not_taken=self._around.not_taken,
        )
        runner = SessionRunner(authorised, joined)
        if isinstance(self._authority, FindingAuthority):
            runner = FindingRunner(authorised, joined, self._authority)
        ended = runner.run()
        return _Ran(ended.state, ended.reason, runner.closed_on_record)

    def _row(self, proof: Proof | None, origin_ns: int, priority: str) -> BeginSession:
        capabilities: Capabilities = self._stimulator.capabilities
        on_record = self._authority.on_record
        return BeginSession(
            uid=self._uid,
            kind=on_record.kind,
            authority_uid=on_record.authority_uid,
            authority_digest=on_record.authority_digest,
            threshold_uid=on_record.threshold_uid,
            technician_uid=on_record.technician_uid,
            resumes_uid=self._order.resumes_uid,
            device_model=capabilities.identity.model,
            device_serial=capabilities.identity.serial,
            device_firmware=capabilities.identity.firmware,
            simulated_proof=None if proof is None else proof.text,
            coil=self._coil_on_record(),
            software_version=self._around.software_version,
            realtime_priority=priority,
            started_at=self._wall.text(),
            origin_wall=self._wall.text_at(origin_ns),
            actor=on_record.actor,
        )

    def _coil_on_record(self) -> str:
        """What the row says of the coil: its name as it was read, or whose word it is."""
        capabilities, stated = self._stimulator.capabilities, self._authority.coil_stated
        if capabilities.names_coil or stated is None:
            return capabilities.coil
        return f"{stated.coil} (stated by {stated.by}, not read)"

    def _witness_words(self) -> list[tuple[EventKind, str]]:
        witness = self._stimulator.capabilities.witness
        return [(EventKind.DEVICE, f"{witness} sees every pulse")] if witness else []

    def _describe(
        self,
        writer: SessionWriter,
        origin_ns: int,
        checks: tuple[CheckResult, ...],
        helped: dict[str, str],
    ) -> None:
        """Put on record what was authorised, what the gate said and how the host is set up."""
        findings = [asdict(one) | {"level": one.level.value} for one in self._findings()]
        gate = [asdict(check) | {"answer": check.answer.value} for check in checks]
        for kind, detail in (
            (EventKind.STATE, AUTHORITY + canonical_text(self._content.canonical())),
            (EventKind.GATE, "passed " + rfc8785.dumps(gate).decode()),
            (EventKind.GATE, "findings " + rfc8785.dumps(findings).decode()),
            (EventKind.TIMING, f"priority: {helped['priority']}; sleep: {helped['sleep']}"),
            *self._witness_words(),
        ):
            self._note(writer, origin_ns, kind, detail)

    def _note(self, writer: SessionWriter, origin_ns: int, kind: EventKind, detail: str) -> None:
        writer.submit(
            SessionEvent(
                uid=new_uid(),
                session_uid=self._uid,
                at_ns=self._clock.now_ns() - origin_ns,
                kind=kind,
                detail=detail,
            )
        )

    def _log_last_frames(self, writer: SessionWriter) -> None:
        """Log what passed after the session's row was closed: the last disarm."""
        frames = self._frames.take()
        if frames:
            moved = tuple(
                Frame(self._wall.unix_ns(one.at_ns), one.direction, one.data) for one in frames
            )
            writer.submit(Frames(session_uid=None, frames=moved))


@contextlib.contextmanager
def _help(clock: Clock) -> Iterator[dict[str, str]]:
    """Ask the system for what a session in real time needs; yields what it granted."""
    if clock.virtual:
        yield {"priority": "virtual clock", "sleep": "virtual clock"}
        return
    with (
        sleep_inhibited("a stimulation session is running") as sleep,
        garbage_kept(),
        realtime_thread() as priority,
    ):
        yield {"priority": priority, "sleep": sleep}
