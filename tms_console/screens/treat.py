"""What must be true before a patient is treated, and exactly what would be given.

The list is the gate's own: `delivery.preview` asks it, and nothing here is asked again in other
words.  Whether a session starts, the delivering process decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from drivers.registry import driver_entry
from protocols.form_evaluation import DAILY, EARS, EXTRA, IDENTITY, SCREENING
from protocols.prescription import SessionContent
from protocols.remeasure_due import due_because
from tms_console.accounts.book import Enrolment
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.clinic.approvals import in_force
from tms_console.clinic.patients import patient
from tms_console.clinic.remeasuring import since_threshold
from tms_console.clinic.thresholds import newest_like
from tms_console.delivery.asked_of_device import why_no_unit
from tms_console.delivery.gate import Answer, CheckResult, not_reviewed
from tms_console.delivery.preview import Preview, Wanted, computer_now, preview, the_coil
from tms_console.records.database import Database
from tms_console.screens.dose_picture import Strip, dose_strips
from tms_console.screens.start_step import Item, StartStep
from tms_console.screens.today import birth_words
from tms_console.screens.treat_dose import (
    BlockDose,
    TodayRange,
    block_doses,
    changed_since,
    dose_facts,
    given_so_far,
    last_position,
    today_ranges,
)

FORMS = (SCREENING, DAILY, IDENTITY, EARS, EXTRA)
THRESHOLD, APPROVALS, PATIENTS, COIL = "threshold", "approvals", "patients", "coil"
"""What an item's one action opens, besides a form."""

TITLES = {
    "record": "Record",
    "restore": "Older copies",
    "order": "Start order",
    "approval": "Prescription",
    "policy": "Clinic policy",
    "threshold": "Motor threshold",
    "dose": "Dose",
    SCREENING: "Screening",
    DAILY: "Check of today",
    IDENTITY: "Two identifiers",
    EARS: "Ear protection",
    EXTRA: "Extra check",
    "pre-step": "Pre-step",
    "hold": "Hold",
    "course": "Course",
    "day": "Sessions and pulses today",
    "resume": "Going on",
    "device": "Stimulator",
    "coil": "Coil",
    "wall clock": "Clock",
    "disk": "Disk",
}
ONLY_REFUSED = ("order", "wall clock", "disk")
"""What is listed only while it stands in the way."""
_ORDER = (
    "wall clock",
    "disk",
    "device",
    "coil",
    "approval",
    "hold",
    "course",
    "day",
    "resume",
    "threshold",
    "dose",
    SCREENING,
    DAILY,
    EXTRA,
    EARS,
    IDENTITY,
    "pre-step",
    "policy",
    "restore",
    "record",
    "order",
)
REMEASURE = "to be measured again"
"""What the gate says of a threshold that still counts and is due."""
_BY_PHYSICIAN = "A physician"
"""The gate's remedies that only a physician can bring begin with it."""


@dataclass(frozen=True, slots=True)
class BeforeScreen:
    """The page before a session.

    Attributes:
        patient_uid: Whose.
        name: The first identifier.
        birth: The second.
        record_number: The third.
        title: What is given.
        session_words: Which session of the course.
        items: Everything that must be true, in the order in which it is done.
        doses: What each block gives; () if nothing can be given.
        facts: Label and value of what else is worth reading.
        strips: The dose as plots.
        changed: What is otherwise than in the last session.
        position: How the coil is put.
        choices: Uid and title of every prescription in force.
        ranges: What may be chosen for today.
        shown: What the order will say.
    """

    patient_uid: str
    name: str
    birth: str
    record_number: str
    title: str
    session_words: str
    items: tuple[Item, ...]
    doses: tuple[BlockDose, ...]
    facts: tuple[tuple[str, str], ...]
    strips: tuple[Strip, ...]
    changed: tuple[str, ...]
    position: tuple[tuple[str, str], ...]
    choices: tuple[tuple[str, str], ...]
    ranges: tuple[TodayRange, ...]
    shown: Preview

    @property
    def ready(self) -> bool:
        """True if nothing on the list refuses."""
        return not any(one.refuses for one in self.items) and bool(self.doses)

    @property
    def resumes(self) -> bool:
        """True if it goes on from a session that ended early."""
        return self.shown.wanted.resumes_uid is not None

    @property
    def pre_step(self) -> str:
        """What must be done before, "" for nothing."""
        return self.shown.prescription.session.pre_step or ""

    @property
    def today_pct_mt(self) -> tuple[Fraction, ...]:
        """The percentage of each block as it is shown."""
        chosen = self.shown.wanted.today_pct_mt
        return chosen or tuple(one.prescribed_pct_mt for one in self.shown.prescription.doses)

    @property
    def step(self) -> StartStep:
        """The two steps to its start."""
        dose = " then ".join(f"{one.intensity_pct_mso} %MSO" for one in self.doses)
        verb = "goes on" if self.resumes else "starts"
        return StartStep(
            patient_uid=self.patient_uid,
            name=self.name,
            birth=self.birth,
            items=self.items,
            about=(self.record_number, self.shown.wanted, self.title, self.doses),
            ready=self.ready,
            first=f"First step of two: nothing {verb} yet.",
            second=f"Ask openly. {self.title}, {self.session_words.lower()}, {dose}.",
            start="Go on with the session" if self.resumes else "Start the session",
        )


@dataclass(frozen=True, slots=True)
class NothingToGive:
    """Nobody can be treated with anything.

    Attributes:
        title: Why.
        sentence: What to do.
        page: Where.
        action: What the button says.
    """

    title: str
    sentence: str
    page: str
    action: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page shows.

    Attributes:
        patient_uid: Whose.
        device: What the stimulator is called.
        simulated: It is an emulator.
        prescription_uid: Which of several prescriptions, "" for the first.
        resumes_uid: The session to go on from.
        today_pct_mt: What was chosen for today.
        pre_step_done: It was ticked.
        driver: Name of the stimulator's driver.
        coil_stated: It was stated that the prescribed coil is connected.
    """

    patient_uid: str
    device: str
    simulated: bool
    prescription_uid: str = ""
    resumes_uid: str | None = None
    today_pct_mt: tuple[Fraction, ...] | None = None
    pre_step_done: bool = False
    driver: str = "magpro"
    coil_stated: bool = False


def before_screen(
    trusted: Trusted, station: Station, technician: Enrolment, asked: Asked
) -> BeforeScreen | NothingToGive:
    """Return the page before a session.

    Raises:
        ClinicRefused: There is no such patient or prescription.
        NotTrusted: The record cannot be believed.
    """
    wall = station.wall()
    one = patient(trusted, asked.patient_uid)
    held = [each.prescription for each in in_force(trusted, asked.patient_uid, wall)]
    if not held:
        return NothingToGive(
            "No prescription is in force",
            f"Nothing can be given to {one.details.name} until a physician has approved one.",
            APPROVALS,
            "Go to Approvals",
        )
    chosen = next((each for each in held if each.uid == asked.prescription_uid), held[0])
    wanted = Wanted(
        chosen.uid,
        asked.resumes_uid,
        asked.today_pct_mt,
        pre_step_done=asked.pre_step_done,
        states_coil=asked.coil_stated and not driver_entry(asked.driver).names_coil,
    )
    shown = preview(trusted, station, technician, wanted)
    session = shown.dose.session
    details = one.details
    return BeforeScreen(
        patient_uid=asked.patient_uid,
        name=details.name,
        birth=birth_words(details.birth_date),
        record_number=details.record_number,
        title=chosen.session.title,
        session_words=f"Session {shown.day.number} of {chosen.course.total_sessions}",
        items=_items(trusted, station.database, shown, asked, wall),
        doses=() if session is None else block_doses(session, shown),
        facts=() if session is None else dose_facts(trusted, session, shown, wall),
        strips=()
        if session is None
        else dose_strips(session, chosen.course, given_so_far(shown), shown.goes_on),
        changed=tuple(changed_since(trusted, shown, wall)),
        position=last_position(trusted, asked.patient_uid),
        choices=tuple((each.uid, each.session.title) for each in held),
        ranges=today_ranges(chosen, shown.day.number),
        shown=shown,
    )


def _items(
    trusted: Trusted, database: Database, shown: Preview, asked: Asked, wall: str
) -> tuple[Item, ...]:
    checks = (*shown.checks, *computer_now(trusted, database))
    found = [_prompted(trusted, shown, wall, _item(one)) for one in checks]
    found = [one for one in found if one.code not in ONLY_REFUSED or one.refuses]
    found.append(_device(trusted, shown.dose.session, asked))
    if not driver_entry(asked.driver).names_coil:
        found.append(_coil(shown))
    if shown.goes_on is not None:
        goes = shown.goes_on
        told = goes.refusal or f"It goes on with train {goes.train}, pulse {goes.pulse}."
        found.append(Item("resume", TITLES["resume"], told, "bad" if goes.refusal else "good"))
    return tuple(sorted(found, key=lambda one: (not one.refuses, _ORDER.index(one.code))))


def _item(check: CheckResult) -> Item:
    """Return what a check of the gate says, with the one thing to do about it."""
    title, is_form = TITLES.get(check.code, check.code), check.code in FORMS
    if check.answer is not Answer.REFUSED:
        if check.code == THRESHOLD and REMEASURE in check.sentence:
            return Item(check.code, title, check.sentence, "warn", "Measure it again", THRESHOLD)
        again = "Fill in again" if is_form and "No extra" not in check.sentence else ""
        return Item(check.code, title, check.sentence, "good", again, check.code if again else "")
    sentence = f"{check.sentence} {check.remedy}".strip().replace("..", ".")
    if check.remedy.startswith(_BY_PHYSICIAN):
        return Item(check.code, title, sentence, "note", "Go to Approvals", APPROVALS)
    if is_form:
        return Item(check.code, title, sentence, "bad", "Fill in", check.code)
    if check.code == THRESHOLD:
        return Item(check.code, title, sentence, "bad", "Measure it again", THRESHOLD)
    if check.code == "dose":
        return Item(check.code, title, sentence, "bad", "Go to Approvals", APPROVALS)
    if check.code == "pre-step":
        # it is ticked beside Start and signed with the order
        return Item(check.code, title, sentence, "bad", "It was done", "pre-step")
    return Item(check.code, title, sentence, "bad")


def _prompted(trusted: Trusted, shown: Preview, wall: str, item: Item) -> Item:
    """Return the threshold's item with why it is due again, which the gate does not refuse for."""
    if item.code != THRESHOLD or item.state != "good" or shown.policy is None:
        return item
    found: list[str] = []
    for reference in shown.dose.thresholds:
        threshold = newest_like(trusted, reference)
        if threshold is not None:
            since = since_threshold(trusted, threshold, shown.policy, wall, signed_alike=True)
            found += due_because(since, shown.policy)
    if not found:
        return item
    sentence = " ".join((item.sentence, *dict.fromkeys(found)))
    return replace(
        item, sentence=sentence, state="warn", action="Measure it again", opens=THRESHOLD
    )


def _coil(shown: Preview) -> Item:
    """Return who says which coil is connected, for a stimulator that does not."""
    coil = the_coil(shown.prescription.session)
    told = "The stimulator says that a coil is connected and not which."
    if coil is None:
        sentence = f"{told} The prescription asks for several coils, so nobody can state one."
        return Item("coil", TITLES["coil"], sentence, "bad")
    if shown.ordered.stated_coil == coil:
        sentence = f"{told} Whoever starts the session states: {coil}. It was not read."
        return Item("coil", TITLES["coil"], sentence, "good")
    sentence = f"{told} Look at it: the prescription asks for {coil}."
    return Item("coil", TITLES["coil"], sentence, "bad", f"It is {coil}", COIL)


def _device(trusted: Trusted, session: SessionContent | None, asked: Asked) -> Item:
    """Return what can be said of the stimulator before it is opened; the gate asks all of it."""
    title = TITLES["device"]
    if asked.simulated and not trusted.demonstration:
        return Item(
            "device",
            title,
            f"{asked.device} is simulated: a patient's record takes no simulated session. "
            "Choose the real stimulator, or rehearse on the page QA.",
            "bad",
            "Go to Device",
            "device",
        )
    if not asked.simulated and trusted.demonstration:
        return Item(
            "device",
            title,
            f"{asked.device} counts as real, and a demonstration never uses a real stimulator.",
            "bad",
            "Go to Device",
            "device",
        )
    entry = driver_entry(asked.driver)
    if not asked.simulated and not entry.reviewed:
        sentence = f"{not_reviewed(entry.title)} Choose another stimulator."
        return Item("device", title, sentence, "bad", "Go to Device", "device")
    why_not = "" if session is None else why_no_unit(asked.driver, session)
    if why_not:
        sentence = f"{why_not} Choose another stimulator, or another prescription."
        return Item("device", title, sentence, "bad", "Go to Device", "device")
    return Item(
        "device",
        title,
        f"{asked.device}: identity, coil, temperature and settings are read when it starts.",
        "good",
    )
