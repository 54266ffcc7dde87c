"""May this be delivered now?  Every check as a value: passed, refused or not applicable.

Pure: the caller gathers the facts immediately before arming and puts the answer on record.  What
concerns people, approval and patient is answered in `treatment_gate` and counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.interface import Capabilities, DeviceStatus, TimedTrain
from protocols.limits import Finding, Level
from protocols.pattern import Train
from tms_console.delivery.gate_answers import (
    Answer,
    CheckResult,
    GateRefused,
    refusals,
    require,
    result,
)

__all__ = [
    "Answer",
    "CheckResult",
    "CoilStated",
    "GateRefused",
    "SessionFacts",
    "TrainFacts",
    "check_computer",
    "check_session",
    "check_train",
    "not_reviewed",
    "refusals",
    "require",
]

COIL_STOP_C = 41
"""Coil surface at which nothing is armed (safety.md, "Other limits"; to be checked there)."""

COIL_WARN_C = 38
"""Coil surface at which the operator is warned (safety.md, "Other limits")."""

LEAST_FREE_BYTES = 64 * 1024 * 1024
"""A session does not start with less room than this on the record's disk."""

CLOCK_SLACK_S = 2.0
"""The wall clock may be this far behind the newest audit row before the gate closes."""


@dataclass(frozen=True, slots=True)
class CoilStated:
    """Somebody's word for which coil is connected to a stimulator that does not name it.

    Attributes:
        coil: Which, in the words of protocols.
        by: Who said so.
    """

    coil: str
    by: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the gate looks at before a session.

    Attributes:
        kind: The kind of session.
        people: What was answered about people, approval and patient.
        signed_digest: Digest of the authority.
        content_digest: Digest of what is about to run, computed afresh.
        proof: How the stimulator was proved simulated, "" if it was not.
        database_purpose: What the record was made for.
        free_bytes: Room on the record's disk.
        behind_s: How far the wall clock is behind the newest audit row; negative when ahead.
        capabilities: What the stimulator can do.
        status: What it said of itself just now.
        loads: Every train with the highest %MSO it may be given at.
        sequence: Every train of the session with its due time, at its highest %MSO.
        coils: The coils that the content asks for, one for each block.
        driver_reviewed: The driver was reviewed for treating patients with real stimulators.
        coil_stated: Who stated which coil, None if nobody did; counts only where none is named.
        findings: What the review against the published limits found.
    """

    kind: str
    people: Sequence[CheckResult]
    signed_digest: str
    content_digest: str
    proof: str
    database_purpose: str
    free_bytes: int
    behind_s: float
    capabilities: Capabilities
    status: DeviceStatus
    loads: Sequence[tuple[Train, int]]
    sequence: Sequence[TimedTrain]
    coils: Sequence[str]
    driver_reviewed: bool = False
    coil_stated: CoilStated | None = None
    findings: Sequence[Finding] = ()


def check_session(facts: SessionFacts) -> tuple[CheckResult, ...]:
    """Return the answers of every check that applies before a session, in a fixed order."""
    return (
        _authority(facts),
        *facts.people,
        _digest(facts.signed_digest, facts.content_digest),
        _simulated(facts),
        _driver(facts),
        _database(facts),
        *check_computer(facts.free_bytes, facts.behind_s),
        _deliverable(facts),
        _limits(facts.findings),
        _coil(facts),
        _temperature(facts.status),
        _device_problem(facts.status),
    )


def check_computer(free_bytes: int, behind_s: float) -> tuple[CheckResult, ...]:
    """Return whether this computer can keep a true record now.

    Args:
        free_bytes: Room on the record's disk.
        behind_s: How far the wall clock is behind the newest audit row; negative when ahead.
    """
    return _disk(free_bytes), _wall_clock(behind_s)


@dataclass(frozen=True, slots=True)
class TrainFacts:
    """What the gate looks at before every train again."""

    people: Sequence[CheckResult]
    signed_digest: str
    content_digest: str
    status: DeviceStatus
    coil_at_start: str
    train: Train
    pulses: int
    intensity_pct_mso: int
    lowest_pct_mso: int
    highest_pct_mso: int
    capabilities: Capabilities
    pulses_so_far: int
    pulses_allowed: int


def check_train(facts: TrainFacts) -> tuple[CheckResult, ...]:
    """Return the answers of every check that is repeated before each train."""
    return (
        *facts.people,
        _digest(facts.signed_digest, facts.content_digest),
        _inside_bounds(facts),
        _made_by_device(facts.capabilities, [(facts.train, facts.intensity_pct_mso)]),
        _coil_unchanged(facts),
        _temperature(facts.status),
        _device_problem(facts.status),
        _pulse_budget(facts),
    )


REHEARSAL_CODES = frozenset({"login", "screening", "approval"})
"""What is listed as not applicable in a rehearsal."""

TREATMENT_CODES = frozenset(
    {
        "record",
        "restore",
        "order",
        "approval",
        "policy",
        "threshold",
        "dose",
        "screening",
        "daily",
        "identity",
        "ears",
        "extra",
        "pre-step",
        "hold",
        "course",
        "day",
    }
)
"""What must have been answered, each by name, before a treatment can pass."""

FINDING_CODES = frozenset(
    {
        "record",
        "restore",
        "order",
        "policy",
        "finder",
        "first threshold",
        "screening",
        "identity",
        "ears",
        "hold",
        "day",
        "interval",
    }
)
"""The same before the search for a threshold."""


def _authority(facts: SessionFacts) -> CheckResult:
    """Whether every question was asked that such a session needs; one left out is a refusal."""
    needed = {
        "rehearsal": REHEARSAL_CODES,
        "treatment": TREATMENT_CODES,
        "threshold": FINDING_CODES,
    }.get(facts.kind)
    if needed is None:
        return CheckResult(
            "authority",
            Answer.REFUSED,
            f"This is a {facts.kind}.",
            "Only rehearsals, treatments and searches for a threshold can be run.",
        )
    missing = needed - {one.code for one in facts.people}
    return result(
        "authority",
        not missing,
        f"This is a {facts.kind}."
        if not missing
        else f"This is a {facts.kind}, and nobody asked about: {', '.join(sorted(missing))}.",
        "Report it: the program asked less than it must.",
    )


def _digest(signed: str, content: str) -> CheckResult:
    same = bool(signed) and signed == content
    return result(
        "digest",
        same,
        "What is about to run is what was authorised."
        if same
        else f"What is about to run ({content[:12]}) is not what was authorised ({signed[:12]}).",
        "Load it again; if this happens twice, report it.",
    )


def _simulated(facts: SessionFacts) -> CheckResult:
    """A real stimulator needs a clinic's record; a simulated one must not be in it."""
    proved = f"The stimulator is simulated: {facts.proof}."
    real = "The stimulator is not proved simulated, so it counts as a real one."
    if facts.kind == "rehearsal":
        return result(
            "simulated",
            bool(facts.proof),
            proved if facts.proof else real,
            "Rehearse on an emulator of this program, or on the port of `tms-console emulate`.",
        )
    if facts.database_purpose == "clinic":
        return result(
            "simulated",
            not facts.proof,
            proved if facts.proof else "The stimulator counts as a real one.",
            "A patient's record takes no simulated session: rehearse, or use the demonstration.",
        )
    return result(
        "simulated",
        bool(facts.proof),
        proved if facts.proof else real,
        "A demonstration never uses a real stimulator.",
    )


def not_reviewed(title: str) -> str:
    """Return why a real stimulator of a kind treats nobody; for the gate and the window."""
    return (
        f"The driver for the {title} has not been reviewed, so no real {title} treats a patient "
        "with this program."
    )


def _driver(facts: SessionFacts) -> CheckResult:
    """A driver that nobody reviewed on a real stimulator talks to proved emulators alone."""
    model = facts.capabilities.identity.model
    if facts.proof or facts.kind == "rehearsal":
        return CheckResult("driver", Answer.PASSED, "Nobody is treated with it.")
    return result(
        "driver",
        facts.driver_reviewed,
        f"The driver for the {model} has been reviewed."
        if facts.driver_reviewed
        else not_reviewed(model),
        "Treat with a stimulator whose driver has been reviewed; rehearse on an emulator.",
    )


def _database(facts: SessionFacts) -> CheckResult:
    allowed = ("rehearsal",) if facts.kind == "rehearsal" else ("clinic", "demo")
    return result(
        "database",
        facts.database_purpose in allowed,
        f"The record is a {facts.database_purpose} database.",
        "Rehearsals have a database of their own: name another file."
        if facts.kind == "rehearsal"
        else "Treatments belong into the clinic's database.",
    )


def _disk(free_bytes: int) -> CheckResult:
    megabytes = free_bytes // (1024 * 1024)
    return result(
        "disk",
        free_bytes >= LEAST_FREE_BYTES,
        f"{megabytes} MB are free on the record's disk.",
        f"Free at least {LEAST_FREE_BYTES // (1024 * 1024)} MB; every pulse must be recorded.",
    )


def _wall_clock(behind_s: float) -> CheckResult:
    return result(
        "wall clock",
        behind_s <= CLOCK_SLACK_S,
        "The clock agrees with the record."
        if behind_s <= CLOCK_SLACK_S
        else f"The clock is {behind_s:.0f} s behind the newest entry of the record.",
        "Set the computer's clock; an administrator records the correction.",
    )


def _deliverable(facts: SessionFacts) -> CheckResult:
    alone = _made_by_device(facts.capabilities, facts.loads)
    if alone.answer is Answer.REFUSED:
        return alone
    why_not = facts.capabilities.sequence_refusal(facts.sequence)
    if why_not is not None:
        return CheckResult("capability", Answer.REFUSED, why_not, "Prescribe what it can make.")
    return alone


def _limits(findings: Sequence[Finding]) -> CheckResult:
    """Only findings that block whoever asks; the others are a physician's to answer."""
    blocking = [one.sentence for one in findings if one.level is Level.BLOCK]
    found = f"{len(findings)} findings against the published limits, on record"
    return result(
        "limits",
        not blocking,
        " ".join(blocking) if blocking else f"{found}; none of them blocks.",
        "Prescribe what can be given.",
    )


def _made_by_device(capabilities: Capabilities, loads: Sequence[tuple[Train, int]]) -> CheckResult:
    """The device can make every train at every intensity it may be given at."""
    for train, intensity in loads:
        if not capabilities.min_pct_mso <= intensity <= capabilities.max_pct_mso:
            return CheckResult(
                "capability",
                Answer.REFUSED,
                f"{intensity} %MSO is outside what {capabilities.identity.model} takes.",
                f"Between {capabilities.min_pct_mso} and {capabilities.max_pct_mso} %MSO can be "
                "prescribed.",
            )
        why_not = capabilities.refusal(train, intensity)
        if why_not is not None:
            return CheckResult("capability", Answer.REFUSED, why_not, "Prescribe what it can make.")
    return CheckResult("capability", Answer.PASSED, f"{capabilities.identity.model} can make it.")


def _inside_bounds(facts: TrainFacts) -> CheckResult:
    return result(
        "intensity",
        facts.lowest_pct_mso <= facts.intensity_pct_mso <= facts.highest_pct_mso,
        f"{facts.intensity_pct_mso} %MSO; {facts.lowest_pct_mso} to {facts.highest_pct_mso} %MSO "
        "is authorised.",
        "Stay inside the authorised bounds.",
    )


def _coil(facts: SessionFacts) -> CheckResult:
    """There is a coil, and outside of rehearsals it is the one that was prescribed."""
    coil, shape = facts.status.coil, facts.capabilities.coil_shape
    if not coil:
        return CheckResult("coil", Answer.REFUSED, "No coil is connected.", "Connect the coil.")
    if not facts.capabilities.names_coil:
        return _coil_by_word(facts)
    other = [wanted for wanted in facts.coils if wanted not in (coil, shape)]
    said = f"Coil {coil}" + (f", a {shape} coil." if shape else ".")
    if facts.kind == "rehearsal" or not other:
        return CheckResult("coil", Answer.PASSED, said)
    return CheckResult(
        "coil",
        Answer.REFUSED,
        f"{said} The prescription asks for {' and '.join(dict.fromkeys(other))}.",
        "Connect the coil that was prescribed.",
    )


def _coil_by_word(facts: SessionFacts) -> CheckResult:
    """The stimulator says that a coil is connected and not which: a person's word is needed."""
    told = "A coil is connected; the stimulator does not say which"
    if facts.kind == "rehearsal":
        return CheckResult("coil", Answer.PASSED, f"{told}.")
    stated = facts.coil_stated
    if stated is None:
        return CheckResult(
            "coil",
            Answer.REFUSED,
            f"{told}, and nobody stated it.",
            "Look at the coil, and state in the start order which it is.",
        )
    said = f"{told}. {stated.by} states that it is: {stated.coil}."
    other = list(dict.fromkeys(wanted for wanted in facts.coils if wanted != stated.coil))
    if not other:
        return CheckResult("coil", Answer.PASSED, said)
    return CheckResult(
        "coil",
        Answer.REFUSED,
        f"{said} The prescription asks for {' and '.join(other)}.",
        "Connect the coil that was prescribed.",
    )


def _coil_unchanged(facts: TrainFacts) -> CheckResult:
    return result(
        "coil",
        facts.status.coil == facts.coil_at_start,
        f"Coil {facts.status.coil or 'none'}; the session began with {facts.coil_at_start}.",
        "Connect the coil that the session began with and start again.",
    )


def _temperature(status: DeviceStatus) -> CheckResult:
    if status.coil_temperature_c is None:
        return CheckResult("temperature", Answer.PASSED, "The coil's temperature is not reported.")
    return result(
        "temperature",
        status.coil_temperature_c < COIL_STOP_C,
        f"The coil is at {status.coil_temperature_c} °C.",
        f"Let it cool: nothing is armed from {COIL_STOP_C} °C on.",
    )


def _device_problem(status: DeviceStatus) -> CheckResult:
    return result(
        "stimulator",
        not status.problem,
        status.problem or "The stimulator reports no problem.",
        "See to the stimulator.",
    )


def _pulse_budget(facts: TrainFacts) -> CheckResult:
    after = facts.pulses_so_far + facts.pulses
    return result(
        "pulses",
        after <= facts.pulses_allowed,
        f"{facts.pulses_so_far} pulses given or unknown, {facts.pulses} more to come, "
        f"{facts.pulses_allowed} authorised.",
        "Nothing more may be given today.",
    )
