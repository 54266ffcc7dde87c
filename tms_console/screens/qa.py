"""QA runs: what is asked for, what is expected of it, and what was seen, side by side.

A run is a rehearsal on an emulator that is built for it; no order made here reaches a port.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drivers import registry
from drivers.simulator.faults import FRAME_FAULTS, Fault, FaultName, parse_fault
from drivers.simulator.pulse_log import read_pulse_log
from protocols.dose import NotDeliverable
from protocols.prescription import SessionContent, rehearsal_content
from protocols.protocol import load_library
from tms_console import __version__
from tms_console.delivery import pipe
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.delivery.plan import is_host_timed
from tms_console.records.database import open_database
from tms_console.records.queries import SessionSummary, summarise_session
from tms_console.records.verify import Verification, verify
from tms_console.screens.device import rehearsal


class QaRefused(ValueError):
    """It cannot be run; the message says why and what can."""


@dataclass(frozen=True, slots=True)
class QaRequest:
    """What somebody wants to see.

    Attributes:
        protocol_id: Which protocol, at its defaults.
        threshold_pct_mso: The threshold that it is rehearsed at.
        device: Which emulated stimulator, by its name in the registry.
        faults: What goes wrong, each as NAME@PULSE.
        seed: Seeds the emulator.
        virtual: Run it under the virtual clock.
    """

    protocol_id: str
    threshold_pct_mso: int
    device: str
    faults: tuple[str, ...] = ()
    seed: int = 0
    virtual: bool = True


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen, each as key and text."""

    protocols: tuple[tuple[str, str], ...]
    devices: tuple[tuple[str, str], ...]
    faults: tuple[tuple[str, str], ...]


def options() -> Options:
    """Return what can be chosen."""
    return Options(
        tuple((one.id, one.name) for one in load_library().values()),
        tuple((name, registry.build_emulator(name).model) for name in registry.EMULATORS),
        tuple((name.value, name.value.replace("_", " ")) for name in FaultName),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run must come to; each is a rule of the design, none is what was seen before.

    Attributes:
        state: How it ends.
        reason: Words of which one must stand in the reason; empty if any will do.
        delivered: Pulses delivered, None if that is not fixed beforehand.
        unknown: Least and most pulses of which nobody knows.
        unplanned: Pulses that nobody commanded.
        why: The rule, in a sentence.
    """

    state: str
    reason: tuple[str, ...]
    delivered: int | None
    unknown: tuple[int, int]
    unplanned: int
    why: str


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the comparison: what, expected, seen, and whether they agree."""

    what: str
    expected: str
    seen: str
    agrees: bool


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that can be started.

    Attributes:
        request: What was asked for.
        content: What is delivered.
        order: The order for the delivering process.
        pulse_log: Where the emulator logs every pulse that it fires.
        expected: What it must come to.
    """

    request: QaRequest
    content: SessionContent
    order: SessionOrder
    pulse_log: Path
    expected: Expected


def plan(request: QaRequest, database: Path, folder: Path) -> PlannedRun:
    """Return a run, ready to be started.

    Args:
        request: What is wanted.
        database: The rehearsals' database.
        folder: Where the emulator's own log of its pulses goes; it exists.

    Raises:
        QaRefused: There is no such protocol, device or fault, or the dose cannot be given.
    """
    library = load_library()
    if request.protocol_id not in library:
        raise QaRefused(f"There is no protocol {request.protocol_id!r}.")
    try:
        registry.driver_of_emulator(request.device)
        faults = [parse_fault(text) for text in request.faults]
        content = rehearsal_content(library[request.protocol_id], request.threshold_pct_mso)
    except (registry.UnknownName, NotDeliverable, ValueError) as error:
        raise QaRefused(str(error)) from error
    if any(one.pulse < 1 for one in faults):
        raise QaRefused("A fault before the first pulse lets no session begin: give pulse 1 or on.")
    _require_comparable(request.device, faults)
    order = rehearsal(content, EmulatorOrder(name=request.device), database)
    log = folder / f"{order.authority_uid}.pulses"
    device = EmulatorOrder(
        name=request.device,
        seed=request.seed,
        faults=request.faults,
        virtual=request.virtual,
        pulse_log=str(log),
    )
    order = replace(order, device=device)
    reports = registry.driver_entry(registry.driver_of_emulator(request.device)).reports_pulses
    return PlannedRun(request, content, order, log, expect(faults, content, reports=reports))


UNSEEN = FRAME_FAULTS | {FaultName.DROP_PULSE, FaultName.EXTRA_PULSE}


def _require_comparable(device: str, faults: Sequence[Fault]) -> None:
    """Do nothing if what the faults do can be compared with the record of such a device.

    Raises:
        QaRefused: It reports no pulse, so what becomes of one shows nowhere.
    """
    entry = registry.driver_entry(registry.driver_of_emulator(device))
    unseen = [one.name.value for one in faults if one.name in UNSEEN]
    if unseen and not entry.reports_pulses:
        raise QaRefused(
            f"A {entry.title} reports no pulse: what {unseen[0].replace('_', ' ')} does cannot be "
            "compared with its record. Choose another fault, or a device that reports its pulses."
        )


_REASONS: dict[FaultName, tuple[str, ...]] = {
    FaultName.DROP_PULSE: ("nobody knows", "not reported", "no report"),
    FaultName.EXTRA_PULSE: ("nobody commanded",),
    FaultName.WRONG_INTENSITY: ("A/µs", "%MSO"),
    FaultName.COIL_HOT: ("disarmed", "°C"),
    FaultName.COIL_REMOVED: ("disarmed", "coil"),
    FaultName.INTERLOCK_OPEN: ("disarmed", "interlock"),
    FaultName.HANG: ("does not answer", "no answer"),
    FaultName.UNPLUG: ("does not answer", "cable", "no answer"),
    FaultName.RESTART: ("does not answer", "no answer", "disarmed", "settings"),
    FaultName.PANEL_CHANGE: ("knob", "changed", "intensity"),
}
_WHY = {
    FaultName.DROP_PULSE: "A pulse that was not seen is unknown, never delivered, and ends it.",
    FaultName.EXTRA_PULSE: "A pulse that nobody commanded is recorded as unplanned and ends it.",
    FaultName.WRONG_INTENSITY: "Another output than was set ends it.",
    FaultName.PANEL_CHANGE: "Somebody at the panel ends it.",
    FaultName.HANG: "What nobody saw is unknown, and a stimulator that is silent ends it.",
    FaultName.UNPLUG: "What nobody saw is unknown, and a stimulator that is gone ends it.",
    FaultName.RESTART: "What nobody saw is unknown, and a stimulator that began anew ends it.",
}

NOT_COUNTED = (
    "A single pulse that was not reported, and that the stimulator's own counter did not count, "
    "was not given, and ends it."
)


def _alone(pulse: int, content: SessionContent) -> bool:
    """Return True if a pulse is given by a command of its own."""
    train = max(
        (one for one in content.schedule().trains if one.first_pulse <= pulse),
        key=lambda one: one.first_pulse,
    )
    return is_host_timed(train.train)


def expect(faults: Sequence[Fault], content: SessionContent, *, reports: bool = True) -> Expected:
    """Return what a run with these faults must come to.

    Args:
        faults: What goes wrong.
        content: What is delivered.
        reports: The device reports its pulses; without that a cut train leaves unknown ones.
    """
    planned = content.pulses
    stopping = sorted(
        (one for one in faults if one.name not in FRAME_FAULTS and one.pulse <= planned),
        key=lambda one: one.pulse,
    )
    if not stopping:
        lost = any(one.name in FRAME_FAULTS for one in faults)
        why = (
            "A reply that is lost, late or broken loses no pulse: what is not reported is inferred."
            if lost
            else "Nothing goes wrong: every pulse is delivered, and seen to be."
            if reports
            else "Nothing goes wrong: every pulse is given, and none is reported."
        )
        return Expected("completed", ("complete",), planned, (0, 0), 0, why)
    first = stopping[0]
    if first.name is FaultName.DROP_PULSE and len(stopping) == 1 and _alone(first.pulse, content):
        return Expected("failed", ("was not given",), first.pulse - 1, (0, 0), 0, NOT_COUNTED)
    longest = max(block.pattern.train.pulses for block in content.blocks)
    name = first.name
    unknown = {
        FaultName.DROP_PULSE: (1, longest),
        FaultName.WRONG_INTENSITY: (0, longest),
        FaultName.PANEL_CHANGE: (0, longest),
        FaultName.HANG: (0, longest),
        FaultName.UNPLUG: (0, longest),
        FaultName.RESTART: (0, longest),
    }.get(name, (0, longest if len(stopping) > 1 or not reports else 0))
    extra = int(any(one.name is FaultName.EXTRA_PULSE for one in stopping[:1]))
    why = _WHY.get(name, "A stimulator that disarms itself ends it; what was given is on record.")
    return Expected("failed", _REASONS[name], None, unknown, extra, why)


@dataclass(frozen=True, slots=True)
class QaResult:
    """What came of a run.

    Attributes:
        run: What was run.
        session_uid: Of the session, "" if none began.
        reason: Why it ended, or why none began.
        checks: Expected against seen.
        evidence: Pulses per class of evidence.
        fired: Pulses that the emulator's own log holds.
        lateness_us: Median, 99 % and worst of the host's lateness; None without any.
        verification: What `records verify` says of the file, None if there is no file.
    """

    run: PlannedRun
    session_uid: str
    reason: str
    checks: tuple[Check, ...]
    evidence: tuple[tuple[str, int], ...]
    fired: int
    lateness_us: tuple[int, int, int] | None
    verification: Verification | None

    @property
    def passed(self) -> bool:
        """True if everything agrees."""
        return all(one.agrees for one in self.checks)


def result_of(run: PlannedRun, over: pipe.Over) -> QaResult:
    """Return what came of a run, read from its record and from the emulator's own log.

    Raises:
        RecordsError: The record cannot be read.
        OSError: The log cannot be read.
        ValueError: The log is none.
    """
    path = Path(run.order.database)
    fired = len(read_pulse_log(run.pulse_log)) if run.pulse_log.exists() else 0
    verification = verify(path) if path.exists() else None
    if not over.session_uid:
        state = "no session began"
        checks = (Check("End state", run.expected.state, f"{state}: {over.reason}", False),)
        return QaResult(run, "", over.reason, checks, (), fired, None, verification)
    summary = summarise_session(open_database(path), over.session_uid)
    late = summary.lateness_us
    return QaResult(
        run,
        over.session_uid,
        over.reason,
        (*_checks(run, over, summary, fired), *_file_checks(over, verification)),
        tuple(summary.evidence.items()),
        fired,
        None if late is None else (round(late.p50), round(late.p99), round(late.max)),
        verification,
    )


def _checks(
    run: PlannedRun, over: pipe.Over, summary: SessionSummary, fired: int
) -> tuple[Check, ...]:
    expected, line = run.expected, summary.line
    least, most = expected.unknown
    words = expected.reason
    told = any(word.lower() in over.reason.lower() for word in words) or not words
    known = line.delivered + line.unplanned
    highest = known + line.unknown
    whole = run.content.pulses if expected.delivered is None else expected.delivered
    delivered = (
        line.delivered == whole if expected.delivered is not None else line.delivered <= whole
    )
    return (
        Check("End state", expected.state, line.state, line.state == expected.state),
        Check("Words", " or ".join(f"“{word}”" for word in words), over.reason, told),
        Check(
            "Delivered",
            f"{whole}" if expected.delivered is not None else f"at most {whole}",
            f"{line.delivered}",
            delivered,
        ),
        Check(
            "Unknown",
            f"{least}" if least == most else f"{least} to {most}",
            f"{line.unknown}",
            least <= line.unknown <= most,
        ),
        Check(
            "Unplanned",
            f"{expected.unplanned}",
            f"{line.unplanned}",
            line.unplanned == expected.unplanned,
        ),
        Check(
            "The device's own log",
            f"{known} to {highest} pulses: none lost, none invented",
            f"{fired} fired",
            known <= fired <= highest,
        ),
        Check("Marked simulated", "yes", "yes" if line.simulated else "no", line.simulated),
    )


def _file_checks(over: pipe.Over, verification: Verification | None) -> tuple[Check, ...]:
    sound = verification is not None and verification.sound
    seen = "sound" if sound else "no file"
    if verification is not None and not sound:
        seen = "; ".join(f"{one.row}: {one.sentence}" for one in verification.findings[:3])
    saved = over.saved and not over.lost
    return (
        Check("Everything saved", "yes", "yes" if saved else "no", saved),
        Check("Record verified", "sound", seen, sound),
    )


def versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of what ran, for the report."""
    return (
        ("tms_console", __version__),
        ("python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()}"),
    )
