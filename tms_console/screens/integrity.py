"""Whether the record is whole, in words: what this window, the record and a verification know.

They may have looked at other times and found other things; a page says one sentence of all, the
worst, and when each was looked at.  That the gate refuses a damaged file is the records' affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of
from tms_console.accounts.trust import Trusted
from tms_console.clinic.policies import policy_in_force
from tms_console.records.database import Database
from tms_console.records.upkeep import newest_integrity
from tms_console.screens.shell import moment_words


@dataclass(frozen=True, slots=True)
class IntegrityScreen:
    """How the record stands.

    Attributes:
        text: It in a sentence or two.
        state: `muted`, `note`, `good`, `warn` or `bad`.
        busy: The check is running.
        alarm: What everybody is told on every page, "" for nothing.
        short: It in the status line.
    """

    text: str
    state: str = "muted"
    busy: bool = False
    alarm: str = ""
    short: str = "File not checked yet"


@dataclass(frozen=True, slots=True)
class FileLook:
    """A check of the file.

    Attributes:
        at: When, RFC 3339.
        faults: What is wrong with it; () if it is sound.
        unrecorded: Why that could not be put on record, "" if it is.
    """

    at: str
    faults: tuple[str, ...] = ()
    unrecorded: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """A verification of the whole record.

    Attributes:
        at: When it ended, RFC 3339.
        headline: What it said.
        sound: It found nothing.
    """

    at: str
    headline: str
    sound: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """What the record says of its own file.

    Attributes:
        look: The newest check that is on record, None if there is none.
        zone: In which times are told.
        today: There.
    """

    look: FileLook | None
    zone: ZoneInfo
    today: date


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known here of whether the record is whole.

    Attributes:
        own: What this window's last check of the file found, None if it has made none.
        noted: What the record said last, None before it was read.
        verified: The last verification in this window.
        doubt: Why the record cannot be read or believed now, "" if it can.
        doing: That the check waits, runs, was given up or failed, in place of its outcome.
    """

    own: FileLook | None = None
    noted: Noted | None = None
    verified: Verified | None = None
    doubt: str = ""
    doing: IntegrityScreen | None = None


WAITING = IntegrityScreen(
    "The file of the record is checked once a day while the window is open, never in a session."
)
CHECKING = IntegrityScreen("The file of the record is being checked ...", "note", busy=True)
GIVEN_UP = IntegrityScreen(
    "The check of the record's file was put off for a session; it is done after it.", "note"
)


def damage_sentence(faults: Sequence[str]) -> str:
    """Return what everybody is told of a damaged file."""
    first = faults[0] if faults else "no fault is named"
    number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return (
        f"THE FILE OF THE RECORD IS DAMAGED ({number}: {first[:160]}). Nothing is delivered from "
        "it. Keep the file as it is, call who is responsible for QA, and let an administrator put "
        "a backup back."
    )


def failed_screen(why: str) -> IntegrityScreen:
    """Return that it is not known whether the file is sound."""
    return IntegrityScreen(f"The file of the record could not be checked: {why}", "warn")


def file_noted(trusted: Trusted, database: Database, wall: str) -> Noted:
    """Return what the record says of its own file.

    Raises:
        RecordsError: The audit chain does not say what such rows say.
    """
    held, checked = policy_in_force(trusted, wall), newest_integrity(database)
    zone = ZoneInfo("UTC") if held is None else held.policy.zone
    look = None if checked is None else FileLook(checked.at, checked.faults)
    return Noted(look, zone, moment_of(wall).astimezone(zone).date())


def integrity_screen(known: Known) -> IntegrityScreen:
    """Return the one thing to say of all that is known: the worst."""
    look, doing = _counts(known), known.doing
    if look is not None and look.faults:
        return _damaged(known, look)
    verified = known.verified
    broken = verified is not None and not verified.sound
    if broken or known.doubt:
        told = f"The record cannot be relied on: {known.doubt} " if known.doubt else ""
        short = "✕ Record cannot be read"
        if verified is not None and broken:
            when = _when(known, verified.at)
            told += f"Its verification {when} found: {verified.headline}. "
            short = f"✕ Record not as written, found {when}"
        told += "Treat nobody from it, and call who is responsible for QA."
        if look is not None:
            told += f" That its file was sound {_when(known, look.at)} says nothing of that."
        return IntegrityScreen(told, "bad", busy=_busy(known), short=short)
    if look is None:
        return doing or WAITING
    when = _when(known, look.at)
    short = f"File checked {when}"
    if doing is not None:
        told = f"{doing.text} It was sound {when}."
        return IntegrityScreen(told, doing.state, busy=doing.busy, short=short)
    told = f"The file of the record was checked {when} and is sound."
    if look.unrecorded:
        told = f"{told} That could not be put on record: {look.unrecorded}"
        return IntegrityScreen(told, "warn", short=short)
    return IntegrityScreen(told, "good", short=short)


def _counts(known: Known) -> FileLook | None:
    """Return the check of the file that counts.

    The newest does, as it does at the gate; but damage that could not be put on record is known
    to this window alone, and no other's check takes it away.
    """
    own = known.own
    noted = None if known.noted is None else known.noted.look
    if own is None or noted is None:
        return own or noted
    if own.faults and own.unrecorded:
        return own
    if moment_of(own.at) == moment_of(noted.at):
        return own if own.faults or own.unrecorded else noted
    return max(own, noted, key=lambda one: moment_of(one.at))


def _damaged(known: Known, look: FileLook) -> IntegrityScreen:
    when = _when(known, look.at)
    told = f"{damage_sentence(look.faults)} It was found {when}."
    if look.unrecorded:
        told += f" That could not be put on record: {look.unrecorded}"
    text = f"{told} {known.doing.text}" if known.doing is not None else told
    return IntegrityScreen(
        text, "bad", busy=_busy(known), alarm=told, short=f"✕ File damaged, found {when}"
    )


def _busy(known: Known) -> bool:
    return known.doing is not None and known.doing.busy


def _when(known: Known, at: str) -> str:
    """Return a moment in the clinic's time, in UTC while the record was not read yet."""
    if known.noted is None:
        return f"{moment_of(at):%H:%M} UTC"
    return moment_words(at, known.noted.zone, known.noted.today)
