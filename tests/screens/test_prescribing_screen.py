"""A new prescription is made of stated values alone; what is missing is named, never filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.protocol import load_library
from tests.clinic.prescribing import Practice, make_practice
from tms_console.clinic.prescriptions import propose
from tms_console.screens.prescribing import (
    AS_PUBLISHED,
    DEPTH_GIVEN,
    DEPTH_LEFT_OUT,
    NO_RAMP,
    Draft,
    Entered,
    PrescribeScreen,
    draft,
    prescribe_screen,
    start_screen,
)


def form(practice: Practice, protocol_id: str) -> PrescribeScreen:
    with practice.trusting() as trusted:
        return prescribe_screen(trusted, practice.patient_uid, protocol_id)


def made(practice: Practice, protocol_id: str, **texts: str) -> Draft:
    named = {name.replace("__", "[1]."): text for name, text in texts.items()}
    with practice.trusting() as trusted:
        return draft(trusted, Entered(practice.patient_uid, protocol_id, named))


def usual(practice: Practice, **more: str) -> dict[str, str]:
    texts = {
        "blocks__threshold": practice.threshold_uid,
        "indication": "major depressive disorder",
        "pause": "600",
    }
    return texts | more


def test_patients_and_protocols_are_there_to_choose(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    with practice.trusting() as trusted:
        screen = start_screen(trusted)
    assert screen.patients == ((practice.patient_uid, "Paula Example · 1984-02-29 · A-17"),)
    assert [key for key, _ in screen.protocols] == list(load_library())


def test_an_open_value_has_a_field_that_is_empty_and_says_what_is_published(
    tmp_path: Path,
) -> None:
    """A range that came filled in would be a default in silence."""
    screen = form(make_practice(tmp_path), "hf10-dash")
    fields = {one.name: one for group in screen.groups for one in group.fields}
    interval = fields["blocks[1].interval.seconds"]
    assert interval.hint == "published: 11-25"
    assert not interval.value
    assert not fields["blocks[1].threshold"].value
    assert not screen.obstacle
    assert any("Standing" in sentence for sentence in screen.lead)


@pytest.mark.parametrize("protocol_id", sorted(load_library()))
def test_every_protocol_has_a_field_for_every_open_value(protocol_id: str, tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    screen = form(practice, protocol_id)
    names = {one.name for group in screen.groups for one in group.fields}
    assert set(load_library()[protocol_id].open_choices) <= names
    nothing = made(practice, protocol_id)
    assert nothing.prescription is None
    assert nothing.problems


def test_without_a_threshold_of_the_right_kind_nobody_fills_in_a_form(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    assert "leg threshold" in form(practice, "ocd-20hz").obstacle


def test_a_whole_form_makes_a_version_that_can_be_proposed(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    told = made(practice, "itbs-600", **usual(practice, blocks__lowest="40", blocks__highest="60"))
    if told.prescription is None:  # a course that the sources leave open
        texts = usual(practice, blocks__lowest="40", blocks__highest="60", sessions="30")
        told = made(practice, "itbs-600", **texts)
    assert told.prescription is not None
    assert not told.problems
    assert told.summary[0].endswith("54 %MSO, 120 % of 45 %MSO")
    assert len(told.strips) == 3
    assert told.bounds[0].startswith("Intensity 40 to 60 %MSO")
    propose(practice.station, practice.physician, told.prescription)


def test_what_is_missing_is_named_each_by_itself(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    told = made(practice, "hf10-dash", pause="")
    assert "Time between trains (blocks[1]) is missing." in told.problems
    assert "Block 1: threshold: choose one." in told.problems
    assert "Longest pause is missing." in told.problems


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"pause": "ten"}, "'ten' is no whole number"),
        ({"blocks__interval.seconds": "1e2"}, "'1e2' is no number"),
        ({"blocks__interval.seconds": "5"}, "allowed: 11-25"),
        ({"blocks__first_sessions": "3"}, "lowest percentage in them is missing"),
        ({"blocks__first_pct": "80"}, "say in how many first sessions"),
        ({"blocks__first_sessions": "0", "blocks__first_pct": "80"}, "first sessions is 0"),
        ({"band": "3"}, "Highest intensity in the band is missing"),
        ({"band_highest": "60"}, "Say how wide"),
        ({"band": "99", "band_highest": "60"}, "plus_minus_pct_mso is 99"),
        ({"blocks__highest": "40"}, "must lie within"),
        ({"indication": ""}, "indication"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(
    tmp_path: Path, texts: dict[str, str], sentence: str
) -> None:
    practice = make_practice(tmp_path)
    whole = usual(practice, sessions="30", **{"blocks__interval.seconds": "11"}) | texts
    told = made(practice, "hf10-dash", **whole)
    assert told.prescription is None
    assert sentence in " ".join(told.problems)


def test_first_sessions_and_band_are_part_of_what_is_proposed(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    texts = usual(practice, sessions="30", band="3", band_highest="60")
    texts |= {"blocks__interval.seconds": "11,5", "blocks__first_sessions": "3"}
    told = made(practice, "hf10-dash", blocks__first_pct="80", **texts)
    assert told.prescription is not None
    assert told.prescription.band is not None
    assert any("first 3 sessions from 80 %" in one for one in told.bounds)


def test_a_depth_adjustment_is_given_or_left_out_and_never_forgotten(tmp_path: Path) -> None:
    practice = make_practice(tmp_path)
    adjusted = next(
        one
        for one in load_library().values()
        if any(block.depth_adjustment for block in one.blocks)
    )
    texts = usual(practice, sessions="50")
    assert "adjustment for depth" in " ".join(made(practice, adjusted.id, **texts).problems)
    out = made(practice, adjusted.id, **texts, blocks__depth=DEPTH_LEFT_OUT)
    assert out.prescription is not None, out.problems
    assert out.prescription.doses[0].depth is None
    half = made(practice, adjusted.id, **texts, blocks__depth=DEPTH_GIVEN)
    assert "scalp to the target is missing" in " ".join(half.problems)
    deep = {"blocks__depth": DEPTH_GIVEN, "blocks__motor_depth": "15"}
    given = made(practice, adjusted.id, **texts, **deep, blocks__target_depth="16.5")
    assert given.prescription is not None, given.problems
    assert given.prescription.doses[0].depth is not None
    wrong = made(practice, adjusted.id, **texts, **deep, blocks__target_depth="900")
    assert "target_depth_mm is 900" in " ".join(wrong.problems)


def test_a_published_ramp_is_taken_or_left_by_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace  # noqa: PLC0415 - for this test alone
    from fractions import Fraction  # noqa: PLC0415
    from types import MappingProxyType  # noqa: PLC0415

    from protocols.pattern import Ramp  # noqa: PLC0415
    from tms_console.screens import prescribing, prescribing_form  # noqa: PLC0415

    practice = make_practice(tmp_path)
    itbs = load_library()["itbs-600"]
    ramped = replace(itbs, blocks=(replace(itbs.blocks[0], ramp=Ramp(5, Fraction(4, 5))),))
    library = MappingProxyType({"itbs-600": ramped})
    for module in (prescribing, prescribing_form):
        monkeypatch.setattr(module, "load_library", lambda: library)
    fields = [one.name for group in form(practice, "itbs-600").groups for one in group.fields]
    assert "blocks[1].ramp" in fields
    texts = usual(practice, sessions="30")
    assert "ramp" in " ".join(made(practice, "itbs-600", **texts).problems)
    taken = made(practice, "itbs-600", **texts, blocks__ramp=AS_PUBLISHED).prescription
    left = made(practice, "itbs-600", **texts, blocks__ramp=NO_RAMP).prescription
    assert taken is not None
    assert left is not None
    assert taken.session.blocks[0].pattern.ramp == Ramp(5, Fraction(4, 5))
    assert left.session.blocks[0].pattern.ramp is None
