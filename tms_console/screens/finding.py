"""What the Threshold page says before a search: what must be true, what is looked for, what was.

Pure: nothing here is Qt, and the gate decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from protocols.canonical import moment_of
from protocols.finding_content import Aim, Seen
from protocols.policy import Policy
from protocols.terms import Side, ThresholdKind
from protocols.threshold import DEFAULT, METHODS, MethodName, Prior, Settings
from tms_console.accounts.book import Enrolment
from tms_console.accounts.trust import Trusted
from tms_console.clinic.patients import patient
from tms_console.clinic.remeasuring import due, newest_threshold
from tms_console.clinic.series import Series, series_of
from tms_console.clinic.thresholds import Threshold
from tms_console.delivery.finding_order import FindingPreview, preview_finding
from tms_console.delivery.gate import Answer, CheckResult
from tms_console.delivery.preview import computer_now
from tms_console.records.database import Database
from tms_console.screens.finding_during import counted
from tms_console.screens.shell import moment_words
from tms_console.screens.start_step import Item, StartStep
from tms_console.screens.today import birth_words
from tms_console.screens.treat import APPROVALS, FORMS, ONLY_REFUSED, TITLES

FIRST_AIM = Aim(
    ThresholdKind.RESTING_HAND,
    "abductor pollicis brevis",
    Side.LEFT,
    "figure-8",
    Seen.VISIBLE_TWITCH,
)
"""What is proposed for a patient of whom no threshold is on record."""
_TITLES = TITLES | {
    "finder": "Who looks for it",
    "first threshold": "First threshold",
    "interval": "Time since the last stimulus",
    "day": "Pulses today",
}
_ORDER = (
    "wall clock",
    "disk",
    "device",
    "policy",
    "finder",
    "first threshold",
    "hold",
    "screening",
    "identity",
    "ears",
    "day",
    "interval",
    "restore",
    "record",
    "order",
)


@dataclass(frozen=True, slots=True)
class FindingAsked:
    """What the page shows.

    Attributes:
        patient_uid: Whose.
        device: What the stimulator is called.
        simulated: It is an emulator.
        aim: What was chosen to look for, None for what was measured last.
    """

    patient_uid: str
    device: str
    simulated: bool
    aim: Aim | None = None


@dataclass(frozen=True, slots=True)
class FindingBefore:
    """The page before a search.

    Attributes:
        patient_uid: Whose.
        name: The first identifier.
        birth: The second.
        items: Everything that must be true.
        aim: Which threshold is looked for.
        method: The method that is proposed.
        method_words: What another method than the last one's means, "" without a last one.
        same_method: The last one's method; None if there is none, or the console has it not.
        last: Label and value of the last threshold; () without one.
        last_value: Its value in %MSO, None without one.
        comparable: It was measured on the same muscle, side and coil, and seen alike.
        due: Why it is due to be measured again.
        earlier: Searches on record, the newest first: session and what became of it.
        shown: What the order will say.
    """

    patient_uid: str
    name: str
    birth: str
    items: tuple[Item, ...]
    aim: Aim
    method: MethodName
    method_words: str
    same_method: MethodName | None
    last: tuple[tuple[str, str], ...]
    last_value: int | None
    comparable: bool
    due: tuple[str, ...]
    earlier: tuple[tuple[str, str], ...]
    shown: FindingPreview

    @property
    def ready(self) -> bool:
        """True if nothing on the list refuses."""
        return not any(one.refuses for one in self.items)

    @property
    def step(self) -> StartStep:
        """The two steps to its start."""
        return StartStep(
            patient_uid=self.patient_uid,
            name=self.name,
            birth=self.birth,
            items=self.items,
            about=(self.shown.aim, self.shown.policy),
            ready=self.ready,
            first="First step of two: nothing starts yet.",
            second=f"Ask openly. {self.shown.aim}.",
            start="Start the search",
        )

    @property
    def bounds_words(self) -> str:
        """What the policy allows."""
        if self.shown.policy is None:
            return "No policy is signed."
        bounds = self.shown.policy.threshold_finding
        return (
            f"Single pulses, 1 to {bounds.highest_pct_mso} %MSO, at least "
            f"{float(bounds.shortest_interval_s):g} s apart, {bounds.most_stimuli} in a series."
        )


def finding_before(
    trusted: Trusted, database: Database, wall: str, who: Enrolment, asked: FindingAsked
) -> FindingBefore:
    """Return the page before a search.

    Raises:
        ClinicRefused: There is no such patient, or a series cannot be read.
        NotTrusted: The record cannot be believed.
    """
    uid = asked.patient_uid
    details = patient(trusted, uid).details
    last = newest_threshold(trusted, uid)
    aim = asked.aim or (FIRST_AIM if last is None else _aim_of(last))
    shown = preview_finding(trusted, wall, who, uid, aim)
    policy = shown.policy
    comparable = last is not None and _aim_of(last) == aim
    same, told = _method(last if comparable else None)
    items = [_item(one) for one in (*shown.checks, *computer_now(trusted, database))]
    items = [one for one in items if one.code not in ONLY_REFUSED or one.refuses]
    items.append(_device(trusted, asked))
    zone = ZoneInfo("UTC") if policy is None else policy.zone
    return FindingBefore(
        patient_uid=uid,
        name=details.name,
        birth=birth_words(details.birth_date),
        items=tuple(
            sorted(
                items,
                key=lambda one: (
                    not one.refuses,
                    _ORDER.index(one.code) if one.code in _ORDER else len(_ORDER),
                ),
            )
        ),
        aim=aim,
        method=same or DEFAULT,
        method_words=told,
        same_method=same,
        last=() if last is None else _last(last, wall, zone),
        last_value=None if last is None else last.measured.value_pct_mso,
        comparable=comparable,
        due=() if policy is None else due(trusted, uid, policy, wall),
        earlier=tuple(
            (one.session_uid, series_words(one, wall, zone))
            for one in reversed(series_of(trusted, database, uid))
        ),
        shown=shown,
    )


def settings_for(
    policy: Policy, method: MethodName, last_value: int | None, first: int | None, given: int
) -> Settings:
    """Return by which numbers a threshold is looked for.

    Args:
        policy: Its bounds are those of the search.
        method: The method.
        last_value: The patient's last comparable threshold, the prior; None for none.
        first: What the hotspot was found with, where the method begins without a prior.
        given: Stimuli of the series so far: the policy counts them all.
    """
    bounds = policy.threshold_finding
    highest = bounds.highest_pct_mso
    return Settings(
        method=method,
        highest_pct_mso=highest,
        first_pct_mso=None if first is None or last_value is not None else min(first, highest),
        prior=None if last_value is None else Prior.last_threshold(last_value),
        most_stimuli=max(1, bounds.most_stimuli - given),
    )


def series_words(one: Series, wall: str, zone: ZoneInfo) -> str:
    """Return a series in one line: when, what became of it, how many stimuli."""
    today = moment_of(wall).astimezone(zone).date()
    decided = one.decided
    value = f" · {decided.value_pct_mso} %MSO" if one.accepted and decided is not None else ""
    number = counted(len(one.log.given))
    return f"{moment_words(one.started_at, zone, today)} · {one.standing}{value} · {number}"


def _aim_of(one: Threshold) -> Aim:
    told = one.measured
    return Aim(told.kind, told.muscle, told.side, told.coil, told.method.value)


def _method(last: Threshold | None) -> tuple[MethodName | None, str]:
    """Return the last one's method, which is proposed so that the two values compare."""
    if last is None:
        return None, ""
    algorithm = last.measured.algorithm
    named = {method.title: name for name, method in METHODS.items()}
    return named.get(algorithm), (
        f"The last one was found by {algorithm}. A prescription that rests on it takes a value "
        "found otherwise only as a new version."
    )


def _last(one: Threshold, wall: str, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    told = one.measured
    today = moment_of(wall).astimezone(zone).date()
    return (
        ("Value", f"{told.value_pct_mso} %MSO"),
        ("Measured", moment_words(told.measured_at, zone, today)),
        ("On", f"{told.kind}, {told.muscle}, {told.side}"),
        ("How", f"{told.coil}, {told.method}, {told.algorithm}"),
        ("By", one.operator),
    )


def _item(check: CheckResult) -> Item:
    """Return what a check of the gate says, with the one thing to do about it."""
    title, is_form = _TITLES.get(check.code, check.code), check.code in FORMS
    if check.answer is not Answer.REFUSED:
        again = "Fill in again" if is_form else ""
        return Item(check.code, title, check.sentence, "good", again, check.code if is_form else "")
    sentence = f"{check.sentence} {check.remedy}".strip().replace("..", ".")
    if is_form and not check.remedy.startswith("A physician"):
        return Item(check.code, title, sentence, "bad", "Fill in", check.code)
    if check.remedy.startswith("A physician"):
        return Item(check.code, title, sentence, "note", "Go to Approvals", APPROVALS)
    return Item(check.code, title, sentence, "bad")


def _device(trusted: Trusted, asked: FindingAsked) -> Item:
    """Return what can be said of the stimulator before it is opened; the gate asks all of it."""
    title, action = TITLES["device"], "Go to Device"
    if asked.simulated and not trusted.demonstration:
        told = (
            f"{asked.device} is simulated: a patient's record takes no simulated series. Choose "
            "the real stimulator."
        )
        return Item("device", title, told, "bad", action, "device")
    if not asked.simulated and trusted.demonstration:
        told = f"{asked.device} counts as real, and a demonstration never uses a real stimulator."
        return Item("device", title, told, "bad", action, "device")
    told = f"{asked.device}: identity, coil, temperature and settings are read when it starts."
    return Item("device", title, told, "good")
