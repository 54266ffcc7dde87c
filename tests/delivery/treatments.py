"""Whole treatments of one patient on a stimulator that counts as a real one.

Nothing is stubbed but the proof: the emulated MagPro may not prove that it is one, so that
everything a real stimulator would get has to pass the gate.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from drivers.simulator.proof import Proof
from protocols.pattern import BlockPattern, Convention, Interval, Train
from protocols.policy import Policy
from protocols.policy_proposal import proposed_policy
from protocols.prescription import Prescription, RemeasureBand
from protocols.screening import AnswerValue
from tests.accounts.people import CHEAP, Clinic, Counting, Wall, as_new, password_of
from tests.accounts.tampering import copy_of
from tests.clinic.prescribing import PATIENT, Practice, make_practice, secret
from tests.delivery.sessions import THETA, Rehearsal, bursts
from tms_console.accounts.first_start import first_start
from tms_console.accounts.login import Login
from tms_console.accounts.roles import Role
from tms_console.accounts.start_orders import Ordered, order_start
from tms_console.accounts.station import Hashing, open_station
from tms_console.clinic.dose_now import band_now
from tms_console.clinic.forms import Filling, fill_in
from tms_console.clinic.patients import add_patient
from tms_console.clinic.policies import approve_policy, propose_policy
from tms_console.clinic.prescriptions import propose, read_prescription
from tms_console.clinic.verdicts import Decision
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.process import new_challenge
from tms_console.records.clinical import AddRecord
from tms_console.records.database import Purpose
from tms_console.records.values import new_uid

NO_SCREENING: dict[str, AnswerValue] = {
    "seizure": False,
    "fainting": False,
    "head_injury": False,
    "hearing": False,
    "cochlear_implant": False,
    "pregnancy": False,
    "metal": False,
    "neurostimulator": False,
    "cardiac": False,
    "infusion_device": False,
    "medications": False,
    "earlier_tms": "never",
    "earlier_mri": "never",
}
A_GOOD_DAY: dict[str, AnswerValue] = {
    "metal_removed": True,
    "medication_change": False,
    "sleep": "as usual",
    "sleep_hours": 8,
    "alcohol": "none, as usual",
    "drugs": False,
    "caffeine": "as usual",
    "food": True,
    "anything_new": False,
}
RIGHT_PERSON: dict[str, AnswerValue] = {
    "name_stated": True,
    "birth_date_stated": True,
    "prescription_shown": True,
}
EARS: dict[str, AnswerValue] = {"patient_protected": True, "operator_protected": True}
EXTRA: dict[str, AnswerValue] = {
    "why": "one of the first sessions",
    "change_understood": True,
    "earlier_sessions": "this is the first",
    "patient_told": True,
    "watched": True,
    "seizure_plan": True,
}
FORMS: Mapping[str, dict[str, AnswerValue]] = {
    "screening": NO_SCREENING,
    "daily": A_GOOD_DAY,
    "identity": RIGHT_PERSON,
    "ears": EARS,
    "extra": EXTRA,
}


def ago(**units: float) -> str:
    """Return a wall time before now."""
    moment = datetime.now(UTC) - timedelta(**units)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def midday_zone() -> str:
    """Return a time zone in which it is about noon, so that no test meets a midnight."""
    east_h = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-east_h:+d}"  # POSIX: what is west of Greenwich is positive


@dataclass
class Ready(Practice):
    """A practice in which everything is right for one session today."""

    made: Prescription = field(init=False)

    def policy(self) -> Policy:
        """A policy that the physician has proposed and approved; it is noon in its time zone."""
        made = proposed_policy(new_uid(), midday_zone())
        propose_policy(self.station, self.physician, made)
        told = Decision(made.uid, made.digest())
        approve_policy(self.station, self.physician, told, *secret(self.physician))
        return made

    def fill_in_all(self) -> None:
        """Fill in every form as a patient without trouble would."""
        for form_id, answers in FORMS.items():
            self.fill_in(form_id, answers)

    def fill_in(self, form_id: str, answers: Mapping[str, AnswerValue]) -> str:
        filling = Filling(form_id, answers)
        return fill_in(self.station, self.technician, self.patient_uid, filling)

    def ordered(self, challenge: Challenge, **changes: object) -> Ordered:
        """Return what a technician orders who looks at the screen now."""
        with self.trusting() as trusted:
            dose = band_now(trusted, read_prescription(trusted, self.made.uid))
        told = Ordered(
            authority_uid=self.made.uid,
            authority_digest=self.made.digest(),
            patient_uid=self.patient_uid,
            threshold_uids=tuple(one.uid for one in dose.thresholds),
            session_number=1,
            session_uid=challenge.session_uid,
            nonce=challenge.nonce,
            pre_step=self.made.session.pre_step,
        )
        return replace(told, **changes)  # type: ignore[arg-type]

    def start_order(
        self, challenge: Challenge, by: Login | None = None, **changes: object
    ) -> AddRecord:
        return order_start(self.station, by or self.technician, self.ordered(challenge, **changes))

    def order(
        self, start_order: AddRecord, device: EmulatorOrder | PortOrder | None = None
    ) -> SessionOrder:
        return SessionOrder(
            kind="treatment",
            digest=self.made.digest(),
            authority_uid=self.made.uid,
            database=str(self.station.database.path),
            device=device or EmulatorOrder(name="magpro", virtual=True),
            actor=self.technician.user_uid,
            start_order=start_order,
        )

    def treat(
        self,
        start_order: AddRecord | None = None,
        *,
        challenge: Challenge | None = None,
        change: Callable[[SessionOrder], SessionOrder] = lambda order: order,
        simulated: bool = False,
        **options: object,
    ) -> Rehearsal:
        """Run one session under the virtual clock, on a stimulator that cannot prove anything."""
        run = self.session(start_order, challenge=challenge, change=change, **options)
        return run.run() if simulated else run_as_real(run)

    def session(
        self,
        start_order: AddRecord | None = None,
        *,
        challenge: Challenge | None = None,
        change: Callable[[SessionOrder], SessionOrder] = lambda order: order,
        **options: object,
    ) -> Rehearsal:
        """Return one session that was ordered, and is not run yet."""
        challenge = challenge or new_challenge()
        start_order = start_order or self.start_order(challenge)
        return Rehearsal(
            content=bursts(),
            database=self.station.database.path,
            order=lambda _: change(self.order(start_order)),
            challenge=challenge,
            **options,  # type: ignore[arg-type]
        )


def run_as_real(run: Rehearsal) -> Rehearsal:
    """Run a session on a stimulator that cannot prove that it is simulated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Proof, "built_here", lambda _device: None)
        return run.run()


@dataclass(frozen=True)
class _Kept:
    """A practice that is ready, as its files were left."""

    ready: Ready
    files: dict[str, dict[str, bytes]]
    made_s: float


_kept: dict[str, _Kept] = {}

TWO_BURSTS = Train(2, Fraction(5), THETA)
FRESH_FOR_S = 300
"""The forms of a copy must be of the last hour."""


def make_ready(
    folder: Path,
    band: RemeasureBand | None = None,
    *,
    short: bool = False,
    trains: int = 3,
    train: Train = TWO_BURSTS,
    forms: Sequence[str] = tuple(FORMS),
) -> Ready:
    """Return a practice in which one session may be given now; the clock is the real one.

    Every call gives a copy of the first one's files and logins, in this test's own folders.

    Args:
        folder: Where.
        band: Within which another threshold may be used.
        short: Trains of six pulses, four seconds apart, instead of iTBS 600.
        trains: How many of them.
        train: Other trains, if short.
        forms: Which forms are filled in.
    """
    name = repr((band, short, trains, train, forms))
    if name not in _kept or time.monotonic() - _kept[name].made_s > FRESH_FOR_S:
        first = folder / "ready"
        first.mkdir()
        made = _make(first, band, (train, trains if short else 0), forms)
        copy_of(made.station.database.path)  # moves the log into the file
        _kept[name] = _Kept(made, _read(first), time.monotonic())
    kept = _kept[name]
    _write(folder, kept.files)
    before, wall = kept.ready, Wall()
    opened = open_station(folder / "clinic.db", wall)
    station = replace(opened, hashing=before.clinic.station.hashing)
    people = {role: as_new(login) for role, login in before.clinic.people.items()}
    clinic = replace(
        before.clinic,
        station=station,
        wall=wall,
        administrator=people[Role.ADMINISTRATOR],
        people=people,
        codes=dict(before.clinic.codes),
    )
    ready = Ready(clinic, before.patient_uid, before.threshold_uid, as_new(before.second))
    ready.made = before.made
    return ready


def _read(folder: Path) -> dict[str, dict[str, bytes]]:
    return {
        name: {
            str(path.relative_to(place)): path.read_bytes()
            for path in place.rglob("*")
            if path.is_file()
        }
        for name, place in _places(folder).items()
    }


def _write(folder: Path, files: dict[str, dict[str, bytes]]) -> None:
    for name, place in _places(folder).items():
        for file, content in files[name].items():
            path = place / file
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)


def _places(folder: Path) -> dict[str, Path]:
    return {
        "database": folder,
        "state": Path(os.environ["TMS_CONSOLE_STATE"]),
        "config": Path(os.environ["TMS_CONSOLE_CONFIG"]),
    }


def make_unrelated(folder: Path, purpose: Purpose = Purpose.CLINIC) -> Ready:
    """Return another clinic, of other people and keys, in which one session may be given now."""
    folder.mkdir()
    return _ready(_new_practice(folder, purpose), None, (TWO_BURSTS, 3), tuple(FORMS))


def _new_practice(folder: Path, purpose: Purpose) -> Practice:
    wall, counting = Wall(), Counting()
    station, started = first_start(
        folder / "clinic.db",
        ("administrator", "Ada Ministra"),
        password_of("administrator"),
        wall=wall,
        hashing=Hashing(counting, CHEAP),
        purpose=purpose,
    )
    clinic = Clinic(station, started.login, wall, counting)
    for role in (Role.PHYSICIAN, Role.TECHNICIAN):
        clinic.people[role] = clinic.add(role.value, role)
    second = clinic.add("second", Role.PHYSICIAN)
    patient_uid = add_patient(station, clinic.people[Role.TECHNICIAN], PATIENT)
    return Practice(clinic, patient_uid, "", second)


def _make(
    folder: Path, band: RemeasureBand | None, trains: tuple[Train, int], forms: Sequence[str]
) -> Ready:
    return _ready(make_practice(folder), band, trains, forms)


def shortened(made: Prescription, trains: int, train: Train = TWO_BURSTS) -> Prescription:
    """Return the same with a few short trains."""
    rest = Interval(Fraction(4), Convention.GAP) if trains > 1 else None
    pattern = BlockPattern(train, trains, rest, None)
    block = replace(made.session.blocks[0], pattern=pattern)
    return replace(
        made,
        session=replace(made.session, blocks=(block,)),
        course=replace(made.course, most_pulses_a_day=train.pulses * trains),
    )


def _ready(
    practice: Practice,
    band: RemeasureBand | None,
    trains: tuple[Train, int],
    forms: Sequence[str],
) -> Ready:
    train, number = trains
    practice.clinic.wall.set("")
    uid = practice.measure(45, ago(days=1))
    ready = Ready(practice.clinic, practice.patient_uid, uid, practice.second)
    ready.policy()
    ready.made = ready.prescription(band)
    if number:
        ready.made = shortened(ready.made, number, train)
    propose(ready.station, ready.technician, ready.made)
    ready.approve(ready.made)
    for form_id in forms:
        ready.fill_in(form_id, FORMS[form_id])
    return ready
