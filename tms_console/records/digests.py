"""What exactly is hashed of a session, a train, its pulses, events and frames, and in which order.

The rows come in as they are read; who reads them, and what is done with the digests, is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tms_console.records.canonical import Json, digest_of_rows

BEGIN_COLUMNS = (
    "uid",
    "console_uid",
    "kind",
    "authority_uid",
    "authority_digest",
    "resumes_uid",
    "device_model",
    "device_serial",
    "device_firmware",
    "simulated",
    "simulated_proof",
    "coil",
    "software_version",
    "realtime_priority",
    "started_at",
    "origin_wall",
)
"""Columns of `session` that its first audit row states; local keys are not among them."""

BEGIN_PEOPLE = ("threshold_uid", "technician_uid")
"""What the first audit row of a session states instead of local keys; absent in schema 1."""

END_COLUMNS = ("state", "end_reason", "ended_at")
"""Columns of `session` that its closing entry states."""

TRAIN_COLUMNS = (
    "block",
    "number",
    "intensity_pct_mso",
    "planned_start_ns",
    "started_ns",
    "ended_ns",
    "outcome",
)
"""Columns of `train` in its digest, besides the session's uid."""

PULSE_COLUMNS = (
    "number",
    "intensity_pct_mso",
    "planned_ns",
    "commanded_ns",
    "observed_ns",
    "realised_a_us",
    "outcome",
    "evidence",
)
"""Columns of `pulse` in every digest, in this order."""

EVENT_COLUMNS = ("at_ns", "kind", "detail")
"""Columns of `session_event` in every digest, in this order."""


def train_subject(session_uid: str, number: int) -> str:
    """Return how a train is named in the audit chain and to a person."""
    return f"train:{session_uid}/{number}"


def train_digest(
    session_uid: str, train: Mapping[str, Json], pulses: Iterable[Sequence[Json]]
) -> str:
    """Return the digest that seals a train: its own columns and its pulses in order of number.

    Args:
        session_uid: Its session.
        train: At least the columns of `TRAIN_COLUMNS`.
        pulses: Rows of `PULSE_COLUMNS`.
    """
    own = {name: train[name] for name in TRAIN_COLUMNS}
    rows = [list(pulse) for pulse in pulses]
    value: dict[str, Json] = {"tag": "tms-train-1", "session": session_uid} | own
    return digest_of_rows(value | {"pulses": rows}, [[session_uid, *own.values()], *rows])


def rows_digest(tag: str, session_uid: str, rows: Iterable[Sequence[Json]]) -> str:
    """Return the digest of rows of a session under a tag such as `tms-events-1`."""
    every = [list(row) for row in rows]
    value: dict[str, Json] = {"tag": tag, "session": session_uid, "rows": every}
    return digest_of_rows(value, [[session_uid], *every])


def closing_entry(
    session_uid: str,
    trains: Sequence[Sequence[Json]],
    pulses: Sequence[Sequence[Json]],
    events: Sequence[Sequence[Json]],
    frames: Sequence[Sequence[Any]],
) -> dict[str, Json]:
    """Return the numbers and digests of all that a session holds.

    Args:
        session_uid: The session.
        trains: Number and digest of each train, in order of number.
        pulses: Rows of `PULSE_COLUMNS`, in order of number.
        events: Rows of `EVENT_COLUMNS`, in the order they were entered.
        frames: Time, direction and bytes, in the order they were entered.
    """
    written = [(at_ns, direction, data.hex()) for at_ns, direction, data in frames]
    return {
        "trains": len(trains),
        "trains_digest": rows_digest("tms-trains-1", session_uid, trains),
        "pulses": len(pulses),
        "pulses_digest": rows_digest("tms-pulses-1", session_uid, pulses),
        "events": len(events),
        "events_digest": rows_digest("tms-events-1", session_uid, events),
        "frames": len(frames),
        "frames_digest": rows_digest("tms-frames-1", session_uid, written),
        "outcomes": outcome_counts(pulses),
    }


def outcome_counts(pulses: Sequence[Sequence[Json]]) -> dict[str, Json]:
    """Return how many pulses there are of each outcome that occurs.

    Args:
        pulses: Rows of `PULSE_COLUMNS`.
    """
    counts: dict[str, Json] = {}
    for pulse in pulses:
        outcome = str(pulse[PULSE_COLUMNS.index("outcome")])
        counts[outcome] = int(str(counts.get(outcome, 0))) + 1
    return counts
