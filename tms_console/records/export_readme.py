"""The README.txt of an export: what is in it, in which units, and how to check it.

It is written for somebody who has the export and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

TEXT = """TMS Console: export of sessions
================================
{marking}
{identity}

Nothing in these files is derived: every column is the record's own. A time that nobody saw is
empty and was never filled in; what nobody knows is called unknown and counts as delivered
wherever a dose is limited.

Times that end in _ns are nanoseconds from the origin of the session, the due time of its first
train; what happened before is negative. origin_wall in session.json is the same moment as the
computer's clock had it (RFC 3339, UTC). Intensities are % of maximum stimulator output (%MSO).
Text is UTF-8; the tables are CSV after RFC 4180. A text that begins with = + - @, a tab, a line
break or an apostrophe has one apostrophe more in front, so that no spreadsheet runs as a formula
what somebody typed: without it the text is as it was typed. Numbers have none.

Every table begins with the column simulated and every JSON file with the member simulated. It
says SIMULATED for a session on an emulator, which gave nothing to anybody, and no for all others.
Tables of a simulated session have a further last column, SIMULATED.

export.json         who exported what and when; where the audit chain ended then
manifest.sha256     SHA-256 of every other file; check with: sha256sum --check manifest.sha256
{patients}
In the folder of each session (names end in -SIMULATED for a simulated one):

session.json        kind, what it rested on (authority: uid and SHA-256 digest), device, coil,
                    software, begin, end and its reason, pulses by outcome and by evidence
authority.json      the prescription or policy it rested on, in full, with its digest
approvals.json      who ordered and approved it, with role, time and place in the chain; who signed
                    for the delivery; findings that were answered, with the reasons
adverse_events.csv  what was reported of this session, corrections included
gate.json           the questions that were asked before it, each with its answer
trains.csv          number, block, intensity_pct_mso, planned_start_ns, started_ns, ended_ns,
                    outcome, digest (SHA-256 of the train with all its pulses)
pulses.csv          number (from 1), train (0 or empty: outside any train), intensity_pct_mso,
                    planned_ns (due), commanded_ns (command on its way to the stimulator),
                    observed_ns (this very pulse was seen or reported; of an acknowledged one, its
                    trigger was answered), realised_a_us (the device's own di/dt in A/us), outcome,
                    evidence
events.csv          at_ns, kind, detail: what happened besides pulses
chain.csv           the rows of the audit chain that state this session; each has the hash of the
                    row before it (previous_hash) and its own

outcome     delivered; not_delivered (stopped before it); refused (by the stimulator); unknown
            (nobody knows); unplanned (by the panel, a foot switch or a trigger input)
evidence    reported (the device reported this very pulse); acknowledged (it accepted the
            trigger); inferred (its counter or its reports of bursts account for the pulse, or
            it reports no pulse and the train was seen to run and to end in time; of an unplanned
            one: the device charged or ran and nobody here had commanded it, and it may have given
            more); witnessed (an independent input saw it); none
lateness    is commanded_ns - planned_ns, of the first pulse of a command: the host's own.
spacing     is (observed_ns - first observed_ns of the train) - (planned_ns - first planned_ns): the
            device's, with the way of its report.

The digest of manifest.sha256 is in the audit chain of the database, in the row export.records.
Whether the database itself is as it was written is told by: tms-console records verify

Sessions in this export
-----------------------
{sessions}
"""

_PATIENTS = "patients.json       name, birth date and record number of each patient_uid\n"
_PSEUDONYM = (
    "Patients are named by patient_uid alone, the uid of their record. Words that people typed\n"
    "(notes, reasons, descriptions) were not searched for names."
)
_NAMED = "PATIENTS ARE NAMED IN THIS EXPORT: keep it as you keep a medical record."


def readme_text(sessions: Sequence[tuple[str, bool]], *, named: bool) -> str:
    """Return the text.

    Args:
        sessions: Folder of each session, and whether it was simulated.
        named: Patients' names are in the export.
    """
    simulated = sum(one for _, one in sessions)
    if not simulated:
        marking = "No session in this export was simulated."
    elif simulated == len(sessions):
        marking = "SIMULATED: every session in this export was given on an emulator, to nobody."
    else:
        marking = (
            f"SIMULATED: {simulated} of {len(sessions)} sessions in this export were given on an "
            "emulator,\nto nobody; they are marked below."
        )
    lines = [f"{folder}{'   SIMULATED' if one else ''}" for folder, one in sessions]
    return TEXT.format(
        marking=marking,
        identity=_NAMED if named else _PSEUDONYM,
        patients=_PATIENTS if named else "",
        sessions="\n".join(lines),
    )
