"""The saved report of a QA run: JSON for machines, text for people, with a digest over the JSON.

It writes two files and nothing else; what it says was found out in `screens.qa`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tms_console.records.canonical import Json, canonical_text, digest
from tms_console.screens.qa import QaResult, versions

TAG = "tms-qa-report-1"


@dataclass(frozen=True, slots=True)
class SavedReport:
    """Where a report was saved.

    Attributes:
        json_path: The report for machines.
        text_path: The same in words.
        digest: SHA-256 of the JSON's canonical text without its own `digest`.
    """

    json_path: Path
    text_path: Path
    digest: str


def report_values(result: QaResult, by: str, at: str) -> dict[str, Json]:
    """Return a report as JSON values: text, booleans, null and integers.

    Args:
        result: What came of the run.
        by: Who ran it.
        at: Wall time.
    """
    run, request = result.run, result.run.request
    verification = result.verification
    values: dict[str, Json] = {
        "tag": TAG,
        "at": at,
        "by": by,
        "simulated": True,
        "passed": result.passed,
        "versions": dict(versions()),
        "protocol": request.protocol_id,
        "threshold_pct_mso": request.threshold_pct_mso,
        "content_digest": run.order.digest,
        "device": request.device,
        "seed": request.seed,
        "faults": list(request.faults),
        "clock": "virtual" if request.virtual else "real",
        "expected_because": run.expected.why,
        "pulses_planned": run.content.pulses,
        "pulses_fired": result.fired,
        "end_reason": result.reason,
        "evidence": dict(result.evidence),
        "lateness_us": None
        if result.lateness_us is None
        else dict(zip(("p50", "p99", "max"), result.lateness_us, strict=True)),
        "checks": [
            {"what": one.what, "expected": one.expected, "seen": one.seen, "agrees": one.agrees}
            for one in result.checks
        ],
        "database": Path(run.order.database).name,
        "session_uid": result.session_uid,
        "verified": None
        if verification is None
        else {
            "sound": verification.sound,
            "findings": [f"{one.row}: {one.sentence}" for one in verification.findings],
            "sessions": verification.sessions,
            "pulses": verification.pulses,
            "audit_rows": verification.audit_rows,
            "reach": verification.reach,
        },
    }
    return values | {"digest": digest(values)}


def report_is_whole(text: str) -> bool:
    """Return whether a saved report's JSON still has the digest that it states."""
    values = json.loads(text)
    if not isinstance(values, dict) or "digest" not in values:
        return False
    said = values.pop("digest")
    return bool(digest(values) == said)


def report_text(values: dict[str, Json]) -> str:
    """Return a report in words."""
    lines = [
        "SIMULATED: QA run on an emulated stimulator",
        "",
        f"Result        {'agrees' if values['passed'] else 'DIFFERS'}",
        f"At            {values['at']} by {values['by']}",
        f"Protocol      {values['protocol']} at a threshold of {values['threshold_pct_mso']} %MSO",
        f"Device        {values['device']}, seed {values['seed']}, {values['clock']} clock",
        f"Faults        {_listed(values['faults'])}",
        f"Expected      {values['expected_because']}",
        f"Ended         {values['end_reason']}",
        f"Session       {values['session_uid'] or 'none'} in {values['database']}",
        f"Content       {values['content_digest']}",
        f"Versions      {_pairs(values['versions'])}",
        f"Evidence      {_pairs(values['evidence'])}",
        f"Lateness, µs  {_pairs(values['lateness_us'])}",
        "",
    ]
    checks = values["checks"]
    for one in checks if isinstance(checks, list) else []:
        mark = "agrees " if one["agrees"] else "DIFFERS"
        lines += [f"{mark}  {one['what']}", f"         expected  {one['expected']}",
                  f"         seen      {one['seen']}"]  # fmt: skip
    verified = values["verified"]
    if isinstance(verified, dict):
        lines += ["", f"Verification  {verified['reach']}"]
    return "\n".join([*lines, "", f"SHA-256 of the JSON report  {values['digest']}", ""])


def _listed(value: Json) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) and value else "none"


def _pairs(value: Json) -> str:
    if not isinstance(value, dict) or not value:
        return "none"
    return ", ".join(f"{name} {one}" for name, one in value.items())


def save_report(folder: Path, result: QaResult, by: str, at: str) -> SavedReport:
    """Write a report into a folder, readable for its owner alone; nothing is overwritten.

    Raises:
        OSError: It cannot be written.
    """
    values = report_values(result, by, at)
    name = f"qa-{result.session_uid or result.run.order.authority_uid}"
    json_path, text_path = folder / f"{name}.json", folder / f"{name}.txt"
    _write(json_path, canonical_text(values) + "\n")
    _write(text_path, report_text(values))
    return SavedReport(json_path, text_path, str(values["digest"]))


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
