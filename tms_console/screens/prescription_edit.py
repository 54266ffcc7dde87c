"""The form for the next version of a prescription, filled in from the version that is edited.

What the form cannot keep as it was is said before anything is proposed; nothing is approved here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from protocols.differences import differences
from protocols.dose_basis import DoseBasis
from protocols.exact import decimal_text
from protocols.prescription import Prescription
from protocols.protocol import ProtocolBlock, load_library
from protocols.session_content import FixedBlock
from protocols.wording import as_sentence
from tms_console.accounts.trust import Trusted
from tms_console.clinic.approvals import standing
from tms_console.clinic.errors import ClinicRefused
from tms_console.clinic.prescriptions import prefilled, read_prescription, versions
from tms_console.screens.prescribing import Editing, Entered, draft
from tms_console.screens.prescribing_form import (
    AS_PUBLISHED,
    DEPTH_GIVEN,
    DEPTH_LEFT_OUT,
    NO_RAMP,
    PrescribeScreen,
    prescribe_screen,
)


@dataclass(frozen=True, slots=True)
class EditScreen:
    """A form filled in from a version.

    Attributes:
        editing: Which prescription gets a next version.
        form: Its fields, filled in.
        notes: What must be known before it is changed, a sentence each.
    """

    editing: Editing
    form: PrescribeScreen
    notes: tuple[str, ...] = ()


def edit_screen(trusted: Trusted, uid: str, wall: str) -> EditScreen:
    """Return the form for the next version of a prescription.

    Args:
        trusted: The record.
        uid: The version to begin with.
        wall: Wall time.

    Raises:
        ClinicRefused: There is no such prescription, or its protocol is not in the library.
    """
    edited = read_prescription(trusted, uid)
    protocol_id = edited.session.protocol_id
    if protocol_id not in load_library():
        raise ClinicRefused(f"{protocol_id} is no protocol of the library: prescribe anew.")
    newest = versions(trusted, edited.prescription_uid)[-1].prescription
    notes = []
    base = edited
    try:
        proposal = prefilled(trusted, uid)
        base = proposal.prescription
        notes += [as_sentence(f"{change}.") for change in proposal.changes]
    except ClinicRefused as refused:
        if "no newer threshold" not in str(refused):
            notes += list(refused.reasons)
    if newest.uid != uid:
        notes.append(
            f"Version {newest.version} is the newest on record; what is proposed here follows on "
            f"it and begins with the values of version {edited.version}."
        )
    in_force = standing(trusted, uid, wall).in_force
    editing = Editing(edited, base, newest.uid, newest.version, in_force)
    form = prescribe_screen(trusted, edited.patient_uid, protocol_id)
    texts = texts_of(base)
    groups = tuple(
        replace(
            group,
            fields=tuple(
                replace(one, value=_allowed(one.choices, texts.get(one.name, "")))
                for one in group.fields
            ),
        )
        for group in form.groups
    )
    lost = _lost(trusted, editing, {f.name: f.value for group in groups for f in group.fields})
    return EditScreen(editing, replace(form, groups=groups), (*notes, *lost))


def _allowed(choices: tuple[tuple[str, str], ...], value: str) -> str:
    """Return a value that can be chosen, or "" so that somebody must choose."""
    return value if not choices or value in dict(choices) else ""


def _lost(trusted: Trusted, editing: Editing, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the untouched form would change of the version, a sentence each."""
    base = editing.base
    entered = Entered(base.patient_uid, base.session.protocol_id, texts, editing)
    made = draft(trusted, entered).prescription
    if made is None:
        return ()  # what is missing or wrong is told beside the fields
    as_base = replace(
        made,
        uid=base.uid,
        prescription_uid=base.prescription_uid,
        version=base.version,
        supersedes=base.supersedes,
    )
    return tuple(
        f"This form cannot keep {one.words} as it was: {one.old} becomes {one.new}."
        for one in differences(base, as_base)
    )


def texts_of(made: Prescription) -> dict[str, str]:
    """Return the text of each field that states what a prescription says; others are left out."""
    protocol = load_library()[made.session.protocol_id]
    texts = {
        "indication": made.indication,
        "sessions": str(made.course.total_sessions),
        "pause": str(made.session.longest_pause_s),
    }
    if made.band is not None:
        texts["band"] = str(made.band.plus_minus_pct_mso)
        texts["band_highest"] = str(made.band.highest_pct_mso)
    for number, (theirs, block, basis) in enumerate(
        zip(protocol.blocks, made.session.blocks, made.doses, strict=False), 1
    ):
        place = f"blocks[{number}]."
        texts |= {place + name: text for name, text in _block_texts(theirs, block, basis).items()}
    return texts


def _block_texts(theirs: ProtocolBlock, block: FixedBlock, basis: DoseBasis) -> dict[str, str]:
    pattern, train = block.pattern, block.pattern.train
    interval = None if pattern.interval is None else pattern.interval.seconds
    texts = {
        "threshold": basis.threshold.uid,
        "lowest": str(block.lowest_pct_mso),
        "highest": str(block.highest_pct_mso),
        "pct_mt": _exact(basis.prescribed_pct_mt),
        "rate_hz": _exact(train.rate_hz),
        theirs.repeats_field: str(train.bursts),
        "trains": str(pattern.trains),
        "interval.seconds": "" if interval is None else _exact(interval),
        "coil": block.coil,
    }
    if pattern.ramp is None:
        texts["ramp"] = NO_RAMP
    elif pattern.ramp == theirs.ramp:
        texts["ramp"] = AS_PUBLISHED
    if basis.depth is None:
        texts["depth"] = DEPTH_LEFT_OUT
    else:
        texts["depth"] = DEPTH_GIVEN
        texts["target_depth"] = _exact(basis.depth.target_depth_mm)
        texts["motor_depth"] = _exact(basis.depth.motor_depth_mm)
    if basis.first_sessions is not None:
        texts["first_sessions"] = str(basis.first_sessions.sessions)
        texts["first_pct"] = _exact(basis.first_sessions.lowest_pct_mt)
    return texts


def _exact(value: Fraction) -> str:
    """Return a number as a field takes it, "" if decimals cannot state it exactly."""
    text = decimal_text(value, 6)
    return text if Fraction(text) == value else ""
