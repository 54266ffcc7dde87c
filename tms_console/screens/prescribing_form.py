"""The form for a prescription: its fields, what is published for each, and the choices there are.

What follows from what was entered is `prescribing`; a field whose value nobody stated is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from protocols.course import Span
from protocols.exact import decimal_text
from protocols.protocol import Protocol, ProtocolBlock, load_library
from tms_console.accounts.trust import Trusted
from tms_console.clinic.patients import patients
from tms_console.clinic.thresholds import thresholds_of

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
