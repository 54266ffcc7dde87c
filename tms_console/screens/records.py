"""The record: sessions, one session's pulses and events, the audit chain, checks and backups.

Read from the chain's own words, so that a list of many thousand sessions counts no pulses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from protocols.canonical import moment_of
from tms_console.accounts.roles import Permission, Role, allowed
from tms_console.accounts.trust import OldSession, Trusted
from tms_console.accounts.verification import AccountsVerification
from tms_console.clinic.entries import printed_name
from tms_console.clinic.patients import patients
from tms_console.clinic.policies import policy_in_force
from tms_console.clinic.sittings import bindings_of
from tms_console.records.canonical import Json
from tms_console.records.database import Database
from tms_console.records.events import audit_page, session_events
from tms_console.records.queries import (
    PulseTable,
    SessionSummary,
    Spread,
    session_pulses,
    summarise_session,
)
from tms_console.records.upkeep import backup_due, newest_backup
from tms_console.records.verify import Verification
from tms_console.screens.dose_picture import plural
from tms_console.screens.shell import moment_words
from tms_console.screens.tables import Line, Table

AUDIT_PAGE = 500
"""Rows of the audit chain that are shown at once."""
MOST_SHOWN = 200
"""Findings of a verification that are shown; the number of all is said."""
NOBODY, OPEN = "-", "open"
_TIMES = ("intensity_pct_mso", "planned_ns", "commanded_ns", "observed_ns")
OPEN = "open"
"""How a session that is not over is called in the list."""
OUTCOME_COLUMN = 2
SESSION_COLUMNS = ("When", "Patient", "End", "Given", "Unknown", "Device")
SESSION_WIDTHS = (150, 150, 115, 70, 80, 110)


@dataclass(frozen=True, slots=True)
class Lateness:
    """One point for each command that set pulses off: when it was due and how late it was.

    Attributes:
        due_s: Due time from the session's origin, in seconds.
        late_ms: Command after due time, in milliseconds.
    """

    due_s: NDArray[np.float64]
    late_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """One session.

    Attributes:
        uid: Which.
        title: When and whose, in words.
        facts: Label and value, in order.
        lateness: For the plot; empty if nothing was commanded.
        pulses: Every pulse.
        events: What happened.
    """

    uid: str
    title: str
    facts: tuple[tuple[str, str, str], ...]
    lateness: Lateness
    pulses: Table
    events: Table


@dataclass(frozen=True, slots=True)
class CheckScreen:
    """What a verification says.

    Attributes:
        headline: Its answer in few words.
        state: `good` or `bad`.
        findings: What is wrong, each with its row.
        notes: What a reader should know besides.
        reach: What the answer covers and what not.
    """

    headline: str
    state: str
    findings: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    reach: str


def sessions_table(trusted: Trusted, wall: str, role: Role, text: str = "") -> Table:
    """Return every session, the newest first; names only for who may read patients' records.

    Args:
        trusted: The record.
        wall: Wall time.
        role: Who looks.
        text: Words of which each must be in a row; "" for every row.
    """
    zone, today = _place(trusted, wall)
    words = text.casefold().split()
    names: Mapping[str, str] = {}
    if allowed(role, Permission.READ_PATIENTS):
        every = (*patients(trusted), *patients(trusted, closed=True))
        names = {one.patient_uid: one.details.name for one in every}
    known = trusted.carried((sessions_table, zone, today), dict[str, tuple[str, Line]])
    bindings = bindings_of(trusted)
    lines = []
    for one in reversed(trusted.sessions.values()):
        who = names.get(bindings.patient_uid(one) or "", NOBODY)
        told, line = known.get(one.uid, ("", None))
        if line is None or told != who or line.cells[2] == OPEN:
            line = _session_line(one, who, zone, today)
            known[one.uid] = who, line
        lines.append(line)
    if words:
        lines = [one for one in lines if _has(one, words)]
    empty = f"No session is found for {text.strip()!r}." if words else "No session is on record."
    return Table(SESSION_COLUMNS, tuple(lines), SESSION_WIDTHS, OUTCOME_COLUMN, empty)


def _has(line: Line, words: list[str]) -> bool:
    told = " ".join(line.cells).casefold()
    return all(word in told for word in words)


def _session_line(session: OldSession, who: str, zone: ZoneInfo, today: date) -> Line:
    begun, ended = session.begun, session.ended
    counts = (ended or {}).get("outcomes")
    outcomes: Mapping[str, Json] = counts if isinstance(counts, dict) else {}
    state = OPEN if ended is None else str(ended.get("state"))
    unknown = str(outcomes.get("unknown", 0)) if ended else ""
    return Line(
        session.uid,
        (
            moment_words(str(begun.get("started_at")), zone, today),
            who,
            state,
            str(outcomes.get("delivered", 0)) if ended else "",
            unknown,
            "simulated" if begun.get("simulated") else str(begun.get("device_model")),
        ),
        {"completed": "good", "stopped": "note", OPEN: "note"}.get(state, "warn"),
    )


def session_detail(trusted: Trusted, database: Database, uid: str, wall: str) -> SessionDetail:
    """Return one session with all its pulses and events.

    Raises:
        RecordsError: There is no such session.
    """
    zone, today = _place(trusted, wall)
    summary, pulses = summarise_session(database, uid), session_pulses(database, uid)
    begun = trusted.sessions[uid].begun if uid in trusted.sessions else {}
    by = printed_name(trusted, str(begun.get("technician_uid")))
    when = moment_words(summary.line.started_at, zone, today)
    return SessionDetail(
        uid,
        f"{summary.line.kind} · {when} · {summary.line.state}",
        tuple(_facts(summary, by, str(begun.get("simulated_proof") or ""))),
        lateness_of(pulses),
        pulses_table(pulses),
        Table(
            ("At", "Kind", "What"),
            tuple(
                Line(str(number), (f"{one.at_ns / 1e9:.3f} s", one.kind, one.detail))
                for number, one in enumerate(session_events(database, uid))
            ),
            (90, 110, 520),
            empty="Nothing was noted.",
        ),
    )


def _facts(summary: SessionSummary, by: str, proof: str) -> list[tuple[str, str, str]]:
    line, unknown = summary.line, summary.line.unknown
    evidence = ", ".join(f"{number} {word}" for word, number in summary.evidence.items())
    duration = "nothing commanded" if summary.duration_s is None else f"{summary.duration_s:.1f} s"
    facts = [
        ("Ended", line.end_reason or line.state, "" if line.state == "completed" else "warn"),
        ("Delivered", f"{line.delivered} of {line.pulses} commanded", ""),
        ("Unknown", str(unknown), "warn" if unknown else ""),
        ("Evidence", evidence or "none", ""),
        ("Intensity", " / ".join(f"{one} %MSO" for one in summary.intensities_pct_mso), ""),
        ("Lasted", duration, ""),
        ("Start late, p99", _spread(summary.lateness_us), ""),
        ("Device spacing, p99", _spread(summary.spacing_us), ""),
        ("Technician", by, ""),
        ("Device", line.device, ""),
    ]
    if line.simulated:
        facts.append(("Simulated", proof, "warn"))
    return facts


def _spread(spread: Spread | None) -> str:
    return "not measured" if spread is None else f"{spread.p99 / 1e3:.3f} ms"


def lateness_of(pulses: PulseTable) -> Lateness:
    """Return how late each command was; pulses that one command set off are one point."""
    known = ~(np.ma.getmaskarray(pulses.commanded_ns) | np.ma.getmaskarray(pulses.planned_ns))
    planned, commanded = pulses.planned_ns.data[known], pulses.commanded_ns.data[known]
    pairs = np.stack((pulses.train[known], commanded), axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    first.sort()
    return Lateness(planned[first] / 1e9, (commanded - planned)[first] / 1e6)


def pulses_table(pulses: PulseTable) -> Table:
    """Return every pulse as words; a time that nobody saw stays empty."""
    missing = {name: np.ma.getmaskarray(getattr(pulses, name)) for name in _TIMES}

    def ms(name: str, row: int) -> str:
        return "" if missing[name][row] else f"{getattr(pulses, name).data[row] / 1e6:.3f}"

    def percent(row: int) -> str:
        known = not missing["intensity_pct_mso"][row]
        return str(pulses.intensity_pct_mso.data[row]) if known else ""

    lines = tuple(
        Line(
            str(number),
            (
                str(number),
                str(pulses.train[row] or ""),
                ""
                if missing["intensity_pct_mso"][row]
                else str(pulses.intensity_pct_mso.data[row]),
                ms("planned_ns", row),
                ms("commanded_ns", row),
                ms("observed_ns", row),
                str(pulses.outcome[row]).replace("_", " "),
                str(pulses.evidence[row]),
            ),
            {"delivered": "", "not_delivered": "muted"}.get(str(pulses.outcome[row]), "warn"),
        )
        for row, number in enumerate(pulses.number.tolist())
    )
    columns = (
        "Pulse",
        "Train",
        "%MSO",
        "Planned, ms",
        "Commanded, ms",
        "Seen, ms",
        "Outcome",
        "Evidence",
    )
    widths = (60, 60, 60, 110, 120, 110, 110, 100)
    return Table(columns, lines, widths, 6, "No pulse was commanded.")


def audit_table(trusted: Trusted, database: Database, wall: str, before: int | None) -> Table:
    """Return the newest rows of the audit chain before a place, the newest first.

    Args:
        trusted: The record.
        database: Where it lies.
        wall: Wall time.
        before: Rows with lower numbers than this; None for the newest of all.

    Raises:
        DatabaseUnusable: The file cannot be read.
    """
    zone, today = _place(trusted, wall)
    lines = tuple(
        Line(
            str(row.seq),
            (
                str(row.seq),
                moment_words(row.at, zone, today),
                printed_name(trusted, row.actor) if row.actor else "",
                row.action,
                row.subject,
                row.hash[:12],
            ),
        )
        for row in audit_page(database, before, AUDIT_PAGE)
    )
    return Table(
        ("Row", "When", "Who", "Did", "What", "Hash"), lines, (60, 130, 140, 130, 330, 110)
    )


def check_screen(rows: Verification, signed: AccountsVerification) -> CheckScreen:
    """Return what a verification of rows and signatures says."""
    findings = [(one.row, one.sentence) for one in (*rows.findings, *signed.findings)]
    told = (
        f"{rows.sessions} sessions, {rows.pulses} pulses, {rows.audit_rows} audit rows and "
        f"{signed.statements} signed statements"
    )
    if findings:
        number = plural(len(findings), "thing")
        headline = f"{number} not as written (of {told})"
    else:
        headline = f"Sound: {told} are as they were written"
    return CheckScreen(
        headline,
        "bad" if findings else "good",
        tuple(findings[:MOST_SHOWN]),
        rows.notes,
        f"{rows.reach} {signed.reach}".strip(),
    )


def backup_words(trusted: Trusted, database: Database, wall: str) -> tuple[str, bool]:
    """Return when the last backup was made and the next is due, and whether it is due now."""
    newest, due = newest_backup(database), backup_due(database, moment_of(wall))
    told = "There is no backup yet."
    if newest is not None:
        told = f"The last was made {moment_words(newest.at, *_place(trusted, wall))}."
    return f"{told} {'One is due.' if due else 'The next is due tomorrow.'}", due


def _place(trusted: Trusted, wall: str) -> tuple[ZoneInfo, date]:
    held = policy_in_force(trusted, wall)
    zone = ZoneInfo("UTC" if held is None else held.policy.time_zone)
    return zone, moment_of(wall).astimezone(zone).date()
