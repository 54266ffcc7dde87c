"""What is said of a virtual patient over an emulator's control socket, at both ends.

A request is one JSON line, `{"nonce": "...", "patient": {}}` or, to move the coil,
`{"nonce": "...", "patient": {"coil_mm": [LATERAL, ANTERIOR]}}`; the answer's `patient` is
`{"coil_mm": [...], "last": {"number": 7, "intensity_pct_mso": 60, "mep_v": 0.0002}}`, `last` null
before the first single pulse.  An emulator without a patient leaves the field out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from drivers.simulator.patient import CoilPlace, PatientUnderCoil, Response
from drivers.simulator.proof import ControlAddress, NotProved, Words, ask_control

ASKS_PATIENT = "patient"
_COIL = "coil_mm"


def words_of(under: PatientUnderCoil) -> Words:
    """Return what a host's control socket answers for a patient."""
    return {ASKS_PATIENT: partial(answer_for, under)}


def answer_for(under: PatientUnderCoil, request: object) -> dict[str, object]:
    """Do what a request says and return the answer; a coil that cannot be there stays."""
    if isinstance(request, Mapping) and _COIL in request:
        place = _place(request[_COIL])
        if place is None:
            return {"refused": f"{_COIL} is two numbers of mm"}
        under.place = place
    last = under.last
    return {
        _COIL: [under.place.lateral_mm, under.place.anterior_mm],
        "last": None if last is None else asdict(last),
    }


def _place(value: object) -> CoilPlace | None:
    match value:
        case [int() | float() as lateral, int() | float() as anterior]:
            try:
                return CoilPlace(float(lateral), float(anterior))
            except (ValueError, OverflowError):
                return None
        case _:
            return None


def ask_patient(
    control: ControlAddress, place: CoilPlace | None = None, timeout_s: float = 2.0
) -> Response | None:
    """Ask an emulator what its last single pulse evoked in the patient under its coil.

    Args:
        control: The emulator's control socket.
        place: Where the coil is moved to first; None leaves it.
        timeout_s: How long the answer may take.

    Returns:
        The response, None if there was no single pulse yet.

    Raises:
        NotProved: No emulator answers there, or there is no patient, or no such place.
    """
    coil = {} if place is None else {_COIL: [place.lateral_mm, place.anterior_mm]}
    answer = ask_control(control, {ASKS_PATIENT: coil}, timeout_s)
    match answer.get(ASKS_PATIENT):
        case {"last": None}:
            return None
        case {
            "last": {
                "number": int(number),
                "intensity_pct_mso": int(intensity),
                "mep_v": float(mep_v),
            }
        }:
            return Response(number, intensity, mep_v)
        case {"refused": str(why)}:
            raise NotProved(f"{control}: {why}")
        case _:
            raise NotProved(f"{control}: there is no virtual patient under that coil")
