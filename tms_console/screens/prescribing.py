"""The form for a new prescription: what a protocol leaves open, and what was entered for it.

Nothing takes a default in silence: an open value that nobody stated is named as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from protocols.canonical import ContentError
from protocols.course import Span
from protocols.course_plan import CoursePlan
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
from tms_console.accounts.trust import Trusted
from tms_console.clinic.patients import patients
from tms_console.clinic.prescriptions import proposal_reasons
from tms_console.clinic.thresholds import as_reference, threshold, thresholds_of
from tms_console.records.values import new_uid
from tms_console.screens.dose_picture import Strip, dose_strips
from tms_console.screens.matters import Note, bounds_words, finding_notes

AS_PUBLISHED, NO_RAMP = "as published", "none"
DEPTH_LEFT_OUT, DEPTH_GIVEN = "left out", "given"

WORDS = {
    "pct_mt": ("Percentage of the threshold", "%"),
    "rate_hz": ("Rate", "Hz"),
    "pulses_per_train": ("Pulses in a train", ""),
    "bursts_per_train": ("Bursts in a train", ""),
    "trains": ("Trains", ""),
    "interval.seconds": ("Time between trains", "s"),
    "coil": ("Coil", ""),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form.

    Attributes:
        name: Its key, such as `blocks[1].trains`.
        label: What it is, with its unit.
        hint: What is allowed.
        choices: Key and text of each, where one is chosen; empty for a number or a text.
        value: What stands in it at first; "" where somebody must state it.
        optional: It may stay empty, and then means none.
    """

    name: str
    label: str
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that belong together, under a heading."""

    heading: str
    lead: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class StartScreen:
    """What is chosen first: patient and protocol, each as key and text."""

    patients: tuple[tuple[str, str], ...]
    protocols: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PrescribeScreen:
    """The form for one patient and protocol.

    Attributes:
        lead: The protocol in sentences, its standing and sources.
        groups: Its fields.
        obstacle: Why it cannot be filled in yet, "" if it can.
    """

    lead: tuple[str, ...]
    groups: tuple[FieldGroup, ...]
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered: the patient, the protocol, and the text of each field by its name."""

    patient_uid: str
    protocol_id: str
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """What follows from what was entered.

    Attributes:
        prescription: The first version, None while something is missing or wrong.
        problems: What is missing or wrong, a sentence each.
        summary: The dose in sentences.
        strips: It as plots.
        findings: What a review says of it.
        bounds: What the technician could do.
    """

    prescription: Prescription | None
    problems: tuple[str, ...] = ()
    summary: tuple[str, ...] = ()
    strips: tuple[Strip, ...] = ()
    findings: tuple[Note, ...] = ()
    bounds: tuple[str, ...] = ()


def start_screen(trusted: Trusted) -> StartScreen:
    """Return the patients and protocols to choose from."""
    people = tuple(
        (
            one.patient_uid,
            f"{one.details.name} · {one.details.birth_date} · {one.details.record_number}",
        )
        for one in patients(trusted)
    )
    library = tuple((one.id, f"{one.name} · {one.indication}") for one in load_library().values())
    return StartScreen(people, library)


def prescribe_screen(trusted: Trusted, patient_uid: str, protocol_id: str) -> PrescribeScreen:
    """Return the form for a protocol, with the patient's thresholds to choose from."""
    protocol = load_library()[protocol_id]
    lead = (
        f"{protocol.name}: {protocol.indication}.",
        f"Standing: {protocol.regulatory.status} ({protocol.regulatory.reference}).",
        *protocol.notes,
        *(f"{one.supports}: {one.citation} [{one.mark}]" for one in protocol.sources),
    )
    groups = [
        _block_group(trusted, patient_uid, number, block, several=len(protocol.blocks) > 1)
        for number, block in enumerate(protocol.blocks, 1)
    ]
    kinds = {block.threshold_kind for block in protocol.blocks}
    there = {one.measured.kind for one in thresholds_of(trusted, patient_uid)}
    lacking = ", ".join(sorted(kind.value for kind in kinds - there))
    obstacle = ""
    if lacking:
        obstacle = (
            f"No {lacking} threshold of this patient is on record. Measure it and record it; then "
            "prescribe."
        )
    return PrescribeScreen(lead, (*groups, _whole_group(protocol)), obstacle)


def _block_group(
    trusted: Trusted, patient_uid: str, number: int, block: ProtocolBlock, *, several: bool
) -> FieldGroup:
    place = f"blocks[{number}]."
    measured = [
        one
        for one in reversed(thresholds_of(trusted, patient_uid))
        if one.measured.kind is block.threshold_kind
    ]
    thresholds = tuple(
        (
            one.uid,
            f"{one.measured.value_pct_mso} %MSO · {one.measured.measured_at[:10]} · "
            f"{one.measured.side} {one.measured.muscle} · {one.measured.coil}",
        )
        for one in measured
    )
    fields = [
        Field(place + "threshold", f"Threshold ({block.threshold_kind})", "", thresholds),
        *(_open_field(place + name, name, block) for name in block.open_choices()),
        Field(
            place + "lowest",
            "Lowest the technician may set, %MSO",
            "empty: the dose itself",
            optional=True,
        ),
        Field(
            place + "highest",
            "Highest the technician may set, %MSO",
            "empty: the dose itself",
            optional=True,
        ),
    ]
    if block.ramp is not None:
        told = f"first {block.ramp.trains} trains from {decimal_text(100 * block.ramp.start)} %"
        choices = ((AS_PUBLISHED, f"as published: {told}"), (NO_RAMP, "no ramp"))
        fields.append(Field(place + "ramp", "Ramp of the first trains", "", choices))
    if block.depth_adjustment is not None:
        fields += _depth_fields(place, block)
    fields += [
        Field(place + "first_sessions", "First sessions that may be lower", "empty: none",
              optional=True),
        Field(place + "first_pct", "Lowest percentage in those, %", "", optional=True),
    ]  # fmt: skip
    heading = f"Block {number}: {block.label}" if several else "Dose"
    lead = f"{block.target}, {block.side}; {block.pct_mt} % of the {block.threshold_kind} threshold"
    return FieldGroup(heading, lead, tuple(fields))


def _depth_fields(place: str, block: ProtocolBlock) -> list[Field]:
    adjustment = block.depth_adjustment
    told = "" if adjustment is None else (
        f"published: {decimal_text(adjustment.gradient_pct_mso_per_mm)} %MSO a mm, at most "
        f"{decimal_text(adjustment.cap_pct_mt)} % of the threshold"
    )  # fmt: skip
    choices = ((DEPTH_GIVEN, "adjusted, at these depths"), (DEPTH_LEFT_OUT, "left out"))
    return [
        Field(place + "depth", "Adjustment for depth", told, choices),
        Field(place + "target_depth", "Scalp to the target, mm", "", optional=True),
        Field(place + "motor_depth", "Scalp to the motor cortex, mm", "", optional=True),
    ]


def _open_field(key: str, name: str, block: ProtocolBlock) -> Field:
    label, unit = WORDS[name]
    if name == "coil":
        return Field(key, label, "", tuple((coil, coil) for coil in block.coils))
    spans: Mapping[str, Span[int] | Span[Fraction] | None] = {
        "pct_mt": block.pct_mt,
        "rate_hz": block.rate_hz,
        block.repeats_field: block.repeats,
        "trains": block.trains,
        "interval.seconds": block.interval_s,
    }
    return Field(key, f"{label}, {unit}" if unit else label, f"published: {spans[name]}")


def _whole_group(protocol: Protocol) -> FieldGroup:
    course = protocol.course
    total = None if course is None else course.total_sessions
    open_course = total is None or not total.fixed
    fields = [Field("indication", "Indication", "", value=protocol.indication)]
    if open_course:
        hint = "the sources state none" if total is None else f"published: {total}"
        fields.append(Field("sessions", "Sessions in all", hint))
    fields += [
        Field("pause", "Longest pause, s", "a longer one ends the session",
              value=str(protocol.longest_pause_s)),
        Field("band", "Re-measure band, ± %MSO", "empty: none", optional=True),
        Field("band_highest", "Highest intensity in the band, %MSO", "", optional=True),
    ]  # fmt: skip
    lead = "" if open_course else f"{total} sessions, as published"
    return FieldGroup("Course and limits", lead, tuple(fields))


class _Form:
    """The texts of a form; every mistake is kept."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return self._texts.get(name, "").strip()

    def whole(self, name: str, label: str, *, needed: bool = True) -> int | None:
        """Return a whole number, None if there is none or it is wrong."""
        text = self.text(name)
        if not text:
            if needed:
                self.problems.append(f"{label} is missing.")
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 7):  # noqa: PLR2004 - any number
            self.problems.append(f"{label}: {text[:20]!r} is no whole number.")
            return None
        return int(text)

    def ratio(self, name: str, label: str, *, needed: bool = True) -> Fraction | None:
        """Return an exact number, None if there is none or it is wrong."""
        text = self.text(name).replace(",", ".")
        if not text:
            if needed:
                self.problems.append(f"{label} is missing.")
            return None
        digits = text.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):  # noqa: PLR2004 - as above
            self.problems.append(f"{label}: {text[:20]!r} is no number.")
            return None
        return Fraction(text)

    def chosen(self, name: str, label: str) -> str:
        """Return what was chosen, "" if nothing was."""
        text = self.text(name)
        if not text:
            self.problems.append(f"{label}: choose one.")
        return text


def draft(trusted: Trusted, entered: Entered) -> Draft:
    """Return what follows from what was entered so far, with everything that is missing."""
    protocol = load_library()[entered.protocol_id]
    form = _Form(entered.texts)
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
        course = _course(protocol, choices, sessions)
        frame = PrescriptionFrame(
            uid=new_uid(),
            patient_uid=entered.patient_uid,
            indication=form.text("indication"),
            course=course,
            longest_pause_s=pause,
            band=band,
        )
        orders = [one for one in blocks if one is not None]
        made = prescribe_protocol(protocol, choices, orders, frame)
    except (ChoiceError, ContentError, NotDeliverable, ValueError) as error:
        return Draft(None, (str(error),))
    return Draft(
        made,
        proposal_reasons(trusted, made),
        _summary(made),
        dose_strips(made.session, made.course, 0),
        finding_notes(review_prescription(made)),
        bounds_words(made),
    )


def _choices(form: _Form, protocol: Protocol) -> dict[str, Fraction | int | str]:
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


def _block(trusted: Trusted, form: _Form, number: int, block: ProtocolBlock) -> BlockOrder | None:
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
    form: _Form, place: str, told: str, block: ProtocolBlock
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


def _first_sessions(form: _Form, place: str, told: str) -> FirstSessions | None:
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


def _band(form: _Form) -> RemeasureBand | None:
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
    protocol: Protocol, choices: Mapping[str, Fraction | int | str], sessions: int | None
) -> CoursePlan:
    pulses = sum(block.pattern.pulses for block in protocol.fix(choices).blocks)
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
