"""What the frame around every page says: whose page it is, and how the record stands.

No page's own content, and no Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of
from tms_console.accounts.trust import Trusted
from tms_console.clinic.adverse_events import holds
from tms_console.clinic.patients import patient
from tms_console.clinic.policies import policy_in_force
from tms_console.records.clinical import RecordKind
from tms_console.records.database import Database
from tms_console.records.upkeep import backup_due, newest_backup
from tms_console.screens.today import birth_words, short_day

LONGEST_ALERT = 44
"""Characters of an alert in the banner; all of it is in the chip's tool tip and on Patients."""


@dataclass(frozen=True, slots=True)
class Banner:
    """Whose page it is.

    Attributes:
        patient_uid: The patient.
        title: Name.
        subtitle: The second identifiers, and the age.
        alerts: What everybody must see first, "" if there is nothing.
        state: Of the alerts.
        every_alert: All of them, in full.
    """

    patient_uid: str
    title: str
    subtitle: str
    alerts: str
    state: str
    every_alert: str


@dataclass(frozen=True, slots=True)
class RecordFact:
    """One fact of the record, with its state."""

    text: str
    state: str = "muted"

    @property
    def words(self) -> tuple[str, str, str]:
        """Text, role and state, as labels take them."""
        return self.text, "small", "" if self.state == "muted" else self.state


def banner(trusted: Trusted, patient_uid: str, wall: str) -> Banner:
    """Return what stands above a patient's page.

    Raises:
        ClinicRefused: There is no such patient.
    """
    one = patient(trusted, patient_uid)
    details, day = one.details, moment_of(wall).date()
    held = [str(hold.grave.event.what) for hold in holds(trusted, patient_uid)]
    told = [f"on hold: {what}" for what in held]
    told += list(details.alerts) + [f"allergic to {what}" for what in details.allergies]
    return Banner(
        patient_uid,
        details.name,
        f"{birth_words(details.birth_date)}, {one.age_years(day)} years · "
        f"record number {details.record_number}",
        _shortened(told),
        "bad" if held else "warn",
        "\n".join(told),
    )


def record_facts(trusted: Trusted, database: Database, wall: str) -> tuple[RecordFact, ...]:
    """Return when the record was sealed and backed up last.

    Raises:
        RecordsError: The audit chain does not say what such rows say.
    """
    held = policy_in_force(trusted, wall)
    zone = ZoneInfo("UTC" if held is None else held.policy.time_zone)
    today = moment_of(wall).astimezone(zone).date()

    def told(at: str) -> str:
        return moment_words(at, zone, today)

    seals = trusted.records(RecordKind.SEAL)
    facts = [RecordFact(f"Sealed {told(seals[-1].at)}")] if seals else []
    backup = newest_backup(database)
    if backup is None:
        facts.append(RecordFact("▲ No backup yet", "warn"))
    else:
        due = backup_due(database, moment_of(wall))
        facts.append(
            RecordFact(
                ("▲ " if due else "") + f"Backup {told(backup.at)}", "warn" if due else "muted"
            )
        )
    return tuple(facts)


def moment_words(at: str, zone: ZoneInfo, today: date) -> str:
    """Return a moment in few words: `07:58` today, `yesterday 18:04`, `Wed 25 Nov 09:12`."""
    moment = moment_of(at).astimezone(zone)
    clock = f"{moment:%H:%M}"
    if moment.date() == today:
        return clock
    if moment.date() == today - timedelta(days=1):
        return f"yesterday {clock}"
    return f"{short_day(moment.date(), today)} {clock}"


def _shortened(told: list[str]) -> str:
    if not told:
        return ""
    first = told[0] if len(told[0]) <= LONGEST_ALERT else f"{told[0][: LONGEST_ALERT - 1]}…"
    return first if len(told) == 1 else f"{first}  +{len(told) - 1}"
