"""The table of what changes is complete: nothing that changes the digest is left out of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from protocols.differences import differences
from protocols.dose_basis import FirstSessions
from protocols.pattern import Ramp
from protocols.prescription import Prescription, RemeasureBand
from protocols.protocol import load_library
from protocols.protocol_differences import protocol_differences
from tests.clinic.prescribing import doubled, make_practice, weighed
from tms_console.records.values import new_uid
from tms_console.screens.changes import SAME, ChangeRow, change_rows

ITBS = load_library()["itbs-600"]


def rows(new: Prescription, old: Prescription | None) -> dict[str, ChangeRow]:
    changed = () if old is None else differences(old, new)
    made = change_rows(new, old, ITBS, changed, protocol_differences(new, ITBS))
    assert len({one.parameter for one in made}) == len(made)
    return {one.parameter: one for one in made}


def following(one: Prescription, **changes: object) -> Prescription:
    return replace(
        one,
        uid=new_uid(),
        version=2,
        supersedes=one.uid,
        **changes,  # type: ignore[arg-type]
    )


def test_a_first_version_stands_beside_its_protocol_alone(tmp_path: Path) -> None:
    made = make_practice(tmp_path).prescription()
    table = rows(made, None)
    assert table["Intensity"] == ChangeRow("Intensity", "—", "120 % rMT", SAME)
    assert table["Device output"].proposed == "54 %MSO"
    assert table["Pattern"].proposed == "3 pulses 50 Hz, every 200 ms"
    assert table["Pattern"].published == SAME
    assert table["Train · rest"].proposed == "2 s · 8 s"
    assert table["Train · rest"].published == SAME
    assert table["Trains · pulses"].published == SAME
    assert not any(one.changed for one in table.values())


def test_a_higher_dose_is_marked_as_changed_and_as_outside_the_protocol(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    old = practice.prescription()
    heavier = weighed(practice)
    new = following(old, session=heavier.session, doses=heavier.doses)
    table = rows(new, old)
    assert table["Intensity"] == ChangeRow(
        "Intensity", "120 % rMT", "130 % rMT", "120 % rMT", changed=True, departs=True
    )
    assert table["Device output"].changed
    assert table["Pattern"].proposed == SAME
    assert table["Step before the first pulse"].proposed == "cues"


@pytest.mark.parametrize(
    "change",
    ["indication", "band", "first sessions", "ramp", "pause", "course", "threshold coil", "blocks"],
)
def test_whatever_else_changes_has_a_row_of_its_own(tmp_path: Path, change: str) -> None:
    """A change without a row would be signed unseen."""
    old = make_practice(tmp_path).prescription()
    (block,), (basis,) = old.session.blocks, old.doses
    ramped = replace(block, pattern=replace(block.pattern, ramp=Ramp(4, Fraction(4, 5))))
    course = replace(old.course, phases=(*old.course.phases, *old.course.phases))
    moved = replace(basis, threshold=replace(basis.threshold, coil="H1"))
    new = {
        "indication": lambda: following(old, indication="something else"),
        "band": lambda: following(old, band=RemeasureBand(3, 60)),
        "first sessions": lambda: following(
            old, doses=(replace(basis, first_sessions=FirstSessions(3, Fraction(80))),)
        ),
        "ramp": lambda: following(old, session=replace(old.session, blocks=(ramped,))),
        "pause": lambda: following(old, session=replace(old.session, longest_pause_s=60)),
        "course": lambda: following(old, course=course),
        "threshold coil": lambda: following(old, doses=(moved,)),
        "blocks": lambda: following(
            old, session=doubled(old).session, doses=doubled(old).doses, course=doubled(old).course
        ),
    }[change]()
    changed = [one for one in rows(new, old).values() if one.changed]
    assert changed or change == "blocks"
    if change == "blocks":
        assert "Block 2 · Intensity" in rows(new, old)


@pytest.mark.parametrize("protocol_id", sorted(load_library()))
def test_every_protocol_says_in_words_what_it_leaves_open(protocol_id: str, tmp_path: Path) -> None:
    made = make_practice(tmp_path).prescription()
    protocol = load_library()[protocol_id]
    table = change_rows(made, None, protocol, (), protocol_differences(made, protocol))
    assert all(one.published for one in table)
