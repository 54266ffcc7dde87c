"""What follows from what was entered for a prescription: itself, its findings, what it changes.

Nothing takes a default in silence: an open value that nobody stated is named as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from protocols.canonical import ContentError
from protocols.course_plan import CoursePlan
from protocols.differences import differences
from protocols.dose import NotDeliverable
from protocols.dose_basis import DepthPlan, FirstSessions
from protocols.exact import decimal_text
from protocols.limits.prescription_review import review_prescription
from protocols.pattern import Ramp
from protocols.prescribing import (
    BlockOrder,
    PrescriptionFrame,
    prescribe_protocol,
    proposed_course,
)
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import ChoiceError, Protocol, ProtocolBlock, load_library
from protocols.protocol_differences import protocol_differences
from tms_console.accounts.trust import Trusted
from tms_console.clinic.prescriptions import proposal_reasons
from tms_console.clinic.thresholds import as_reference, threshold
from tms_console.records.values import new_uid
from tms_console.screens.changes import ChangeRow, change_rows
from tms_console.screens.dose_picture import Strip, dose_strips
from tms_console.screens.form_text import FormText
from tms_console.screens.matters import Note, bounds_words, finding_notes
from tms_console.screens.prescribing_form import (
    AS_PUBLISHED,
    DEPTH_GIVEN,
    DEPTH_LEFT_OUT,
    NO_RAMP,
    WORDS,
    Field,
    FieldGroup,
    PrescribeScreen,
    StartScreen,
    prescribe_screen,
    start_screen,
)

__all__ = [
    "AS_PUBLISHED",
    "DEPTH_GIVEN",
    "DEPTH_LEFT_OUT",
    "NO_RAMP",
    "Draft",
    "Editing",
    "Entered",
    "Field",
    "FieldGroup",
    "PrescribeScreen",
    "StartScreen",
    "draft",
    "prescribe_screen",
    "start_screen",
]


@dataclass(frozen=True, slots=True)
class Editing:
    """Which prescription gets a next version.

    Attributes:
        edited: The version that is changed: what the next one is compared with.
        base: It at the newest thresholds; what the fields are filled in from.
        newest_uid: The newest version on record, which the next one supersedes.
        newest_version: Its number.
        in_force: The edited version is in force.
    """

    edited: Prescription
    base: Prescription
    newest_uid: str
    newest_version: int
    in_force: bool

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """Headings of what changes."""
        old = f"{'In force ' if self.in_force else ''}v{self.edited.version}"
        return ("Parameter", old, f"v{self.newest_version + 1}", "Published")


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered: the patient, the protocol, and the text of each field by its name.

    Attributes:
        patient_uid: For whom.
        protocol_id: Which protocol of the library.
        texts: Of each field, by its name.
        editing: Which prescription gets a next version; None for a new one.
    """

    patient_uid: str
    protocol_id: str
    texts: Mapping[str, str] = field(default_factory=dict)
    editing: Editing | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What follows from what was entered.

    Attributes:
        prescription: The version, None while something is missing or wrong.
        problems: What is missing or wrong, a sentence each.
        summary: The dose in sentences.
        strips: It as plots.
        findings: What a review says of it.
        bounds: What the technician could do.
        rows: What it changes of the version that is edited, and everything a physician weighs.
    """

    prescription: Prescription | None
    problems: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    strips: tuple[Strip, ...] = ()
    findings: tuple[Note, ...] = ()
    bounds: tuple[str, ...] = ()
    rows: tuple[ChangeRow, ...] = ()


def draft(trusted: Trusted, entered: Entered) -> Draft:
    """Return what follows from what was entered so far, with everything that is missing."""
    protocol = load_library()[entered.protocol_id]
    form = FormText(entered.texts)
    choices = _choices(form, protocol)
    blocks = [
        _block(trusted, form, number, block) for number, block in enumerate(protocol.blocks, 1)
    ]
    sessions = None
    total = None if protocol.course is None else protocol.course.total_sessions
    if total is None or not total.fixed:
        sessions = form.whole("sessions", "Sessions in all")
    pause = form.whole("pause", "Longest pause")
    band = _band(form)
    if form.problems or pause is None:
        return Draft(None, tuple(form.problems))
    try:
        course = _course(protocol, choices, sessions, entered.editing)
        frame = PrescriptionFrame(
            uid=new_uid(),
            patient_uid=entered.patient_uid,
            indication=form.text("indication"),
            course=course,
            longest_pause_s=pause,
            band=band,
            device_step_pct_mso=_step(entered.editing),
        )
        orders = [one for one in blocks if one is not None]
        made = _following(prescribe_protocol(protocol, choices, orders, frame), entered.editing)
    except (ChoiceError, ContentError, NotDeliverable, ValueError) as error:
        return Draft(None, (str(error),))
    rows, unchanged = _changes(made, entered.editing, protocol)
    return Draft(
        made,
        (*unchanged, *proposal_reasons(trusted, made)),
        _summary(made),
        dose_strips(made.session, made.course, 0),
        finding_notes(review_prescription(made)),
        bounds_words(made),
        rows,
    )


def _following(made: Prescription, editing: Editing | None) -> Prescription:
    """Return it as the next version of what is edited, or as it is."""
    if editing is None:
        return made
    return replace(
        made,
        prescription_uid=editing.edited.prescription_uid,
        version=editing.newest_version + 1,
        supersedes=editing.newest_uid,
    )


def same_content(one: Prescription, other: Prescription) -> bool:
    """Return whether two versions differ in nothing but which version they are."""
    as_other = replace(
        one,
        uid=other.uid,
        prescription_uid=other.prescription_uid,
        version=other.version,
        supersedes=other.supersedes,
    )
    return as_other == other


def _changes(
    made: Prescription, editing: Editing | None, protocol: Protocol
) -> tuple[tuple[ChangeRow, ...], tuple[str, ...]]:
    """Return what changes, and why that is nothing to propose."""
    if editing is None:
        return (), ()
    edited = editing.edited
    apart = protocol_differences(made, protocol)
    rows = change_rows(made, edited, protocol, differences(edited, made), apart)
    if same_content(made, edited):
        return rows, (f"Nothing differs from version {edited.version} yet.",)
    return rows, ()


def _step(editing: Editing | None) -> int:
    return 1 if editing is None else editing.base.session.blocks[0].step_pct_mso


def _choices(form: FormText, protocol: Protocol) -> dict[str, Fraction | int | str]:
    choices: dict[str, Fraction | int | str] = {}
    for key in protocol.open_choices:
        name = key.partition(".")[2]
        label = f"{WORDS[name][0]} ({key.partition('.')[0]})"
        value: Fraction | int | str | None
        if name == "coil":
            value = form.chosen(key, label) or None
        elif name in {"pct_mt", "rate_hz", "interval.seconds"}:
            value = form.ratio(key, label)
        else:
            value = form.whole(key, label)
        if value is not None:
            choices[key] = value
    return choices


def _block(
    trusted: Trusted, form: FormText, number: int, block: ProtocolBlock
) -> BlockOrder | None:
    place, told = f"blocks[{number}].", f"Block {number}: "
    uid = form.chosen(place + "threshold", told + "threshold")
    lowest = form.whole(place + "lowest", told + "lowest intensity", needed=False)
    highest = form.whole(place + "highest", told + "highest intensity", needed=False)
    ramp: Ramp | None = None
    if block.ramp is not None:
        chosen = form.chosen(place + "ramp", told + "ramp of the first trains")
        ramp = block.ramp if chosen == AS_PUBLISHED else None
    depth, left_out = _depth(form, place, told, block)
    first = _first_sessions(form, place, told)
    if not uid or form.problems:
        return None
    reference = as_reference(threshold(trusted, uid))
    return BlockOrder(reference, lowest, highest, ramp, depth, left_out, first)


def _depth(
    form: FormText, place: str, told: str, block: ProtocolBlock
) -> tuple[DepthPlan | None, bool]:
    adjustment = block.depth_adjustment
    if adjustment is None:
        return None, False
    if form.chosen(place + "depth", told + "adjustment for depth") != DEPTH_GIVEN:
        return None, True
    target = form.ratio(place + "target_depth", told + "scalp to the target")
    motor = form.ratio(place + "motor_depth", told + "scalp to the motor cortex")
    if target is None or motor is None:
        return None, False
    try:
        return DepthPlan(
            target, motor, adjustment.gradient_pct_mso_per_mm, adjustment.cap_pct_mt
        ), False
    except ContentError as error:
        form.problems.append(f"{told}{error}.")
        return None, False


def _first_sessions(form: FormText, place: str, told: str) -> FirstSessions | None:
    number = form.whole(place + "first_sessions", told + "first sessions", needed=False)
    pct = form.ratio(
        place + "first_pct", told + "lowest percentage in them", needed=number is not None
    )
    if number is None or pct is None:
        if pct is not None:
            form.problems.append(f"{told}say in how many first sessions it may be lower.")
        return None
    try:
        return FirstSessions(number, pct)
    except ContentError as error:
        form.problems.append(f"{told}{error}.")
        return None


def _band(form: FormText) -> RemeasureBand | None:
    width = form.whole("band", "Re-measure band", needed=False)
    highest = form.whole("band_highest", "Highest intensity in the band", needed=width is not None)
    if width is None or highest is None:
        if highest is not None:
            form.problems.append("Say how wide the re-measure band is.")
        return None
    try:
        return RemeasureBand(width, highest)
    except ContentError as error:
        form.problems.append(f"{error}.")
        return None


def _course(
    protocol: Protocol,
    choices: Mapping[str, Fraction | int | str],
    sessions: int | None,
    editing: Editing | None,
) -> CoursePlan:
    pulses = sum(block.pattern.pulses for block in protocol.fix(choices).blocks)
    if editing is not None:
        base = editing.base
        if sessions in (None, base.course.total_sessions) and pulses == base.session.pulses:
            return base.course  # it stays as it was signed
    plan = proposed_course(protocol, pulses, sessions)
    if plan is None:
        raise ChoiceError("Say how many sessions the course has.")
    return plan


def _summary(made: Prescription) -> tuple[str, ...]:
    said = [
        f"{block.label}: {block.intensity_pct_mso} %MSO, "
        f"{decimal_text(basis.prescribed_pct_mt)} % of {basis.threshold.value_pct_mso} %MSO"
        for block, basis in zip(made.session.blocks, made.doses, strict=True)
    ]
    return (*said, f"{made.session.pulses:,} pulses, {made.course.total_sessions} sessions")
