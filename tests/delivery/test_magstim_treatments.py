"""Treatments on a Magstim: real ones are refused until somebody reviewed the driver; who states
the coil is on record; what the unit cannot do is refused before anything is armed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from drivers import registry
from drivers.magstim.requests import ARM, FIRE
from drivers.simulator.proof import Proof
from protocols.pattern import Train
from protocols.prescription import rehearsal_content
from protocols.protocol import load_library
from tests.delivery.magstim_sessions import MagstimRehearsal, require_honest
from tests.delivery.sessions import bursts, content, rows
from tests.delivery.treatments import Ready, make_ready
from tms_console.delivery.asked_of_device import why_no_unit
from tms_console.delivery.order import EmulatorOrder, SessionOrder
from tms_console.delivery.process import new_challenge
from tms_console.screens.treat_after import after_screen

NAMES = [name for name, entry in registry.DRIVERS.items() if not entry.names_coil]


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True, train=Train(6, Fraction(10)))


def treat(ready: Ready, stated_coil: str | None = None) -> MagstimRehearsal:
    """Run one treatment on a Rapid² that cannot prove that it is simulated."""
    challenge = new_challenge()
    start_order = ready.start_order(challenge, stated_coil=stated_coil)
    device = EmulatorOrder(name="super-rapid2", virtual=True)

    def order(_: SessionOrder) -> SessionOrder:
        return ready.order(start_order, device)

    run = MagstimRehearsal(
        content=bursts(),
        database=ready.station.database.path,
        variant="super-rapid2",
        order=order,
        challenge=challenge,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Proof, "built_here", lambda _device: None)
        return run.run()


def reviewed(patch: pytest.MonkeyPatch) -> None:
    """Let somebody have reviewed the Magstim drivers."""
    for name in NAMES:
        patch.setitem(registry.DRIVERS, name, replace(registry.DRIVERS[name], reviewed=True))


def require_nothing(done: MagstimRehearsal) -> None:
    assert done.result.session_uid == ""
    assert done.frames_sent(ARM.frame) == done.frames_sent(FIRE.frame) == []
    assert done.emulator.fired == ()


def test_no_magstim_driver_has_been_reviewed() -> None:
    """Whoever changes this says so here, and why it may be."""
    assert {name: entry.reviewed for name, entry in registry.DRIVERS.items()} == {
        "magpro": True,
        **dict.fromkeys(NAMES, False),
    }


def test_a_real_magstim_treats_nobody(ready: Ready) -> None:
    done = treat(ready, stated_coil="figure-8")
    require_nothing(done)
    assert (
        "The driver for the Magstim Super Rapid² (240 V) has not been reviewed, so no real Magstim "
        "Super Rapid² (240 V) treats a patient with this program."
    ) in done.result.reason


def test_a_treatment_needs_somebodys_word_for_the_coil_and_it_is_on_record_as_such(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed(monkeypatch)
    done = treat(ready)
    require_nothing(done)
    assert "nobody stated it" in done.result.reason

    wrong = treat(ready, stated_coil="H1")
    require_nothing(wrong)
    assert "The prescription asks for figure-8" in wrong.result.reason

    done = treat(ready, stated_coil="figure-8")
    assert (done.state, done.claims) == ("completed", {("delivered", "inferred")})
    who = ready.technician.enrolment.name
    coil = rows(ready.station.database.path, "SELECT coil FROM session WHERE uid = ?",
                done.result.session_uid)  # fmt: skip
    assert coil == [(f"figure-8 (stated by {who}, not read)",)]
    (order,) = [
        row[0]
        for row in rows(
            ready.station.database.path,
            "SELECT content FROM start_order WHERE session_uid = ?",
            done.result.session_uid,
        )
    ]
    assert '"stated_coil":"figure-8"' in order
    with ready.trusting() as trusted:
        told = after_screen(trusted, ready.station, done.result.session_uid).sentences
    assert told == (
        "18 of 18 pulses are on record as given; the stimulator reports none.",
        "18 are inferred: their trains were seen to run and to end in time.",
    )
    require_honest(done)


def rehearse(tmp_path: Path, variant: str, **given: object) -> MagstimRehearsal:
    made = content(**given)  # type: ignore[arg-type]
    return MagstimRehearsal(content=made, database=tmp_path / "r.db", variant=variant).run()


def test_a_rehearsal_says_that_the_coil_was_not_named(tmp_path: Path) -> None:
    done = rehearse(tmp_path, "rapid2", train=Train(5, Fraction(10)))
    assert done.state == "completed"
    assert rows(done.database, "SELECT coil FROM session") == [("one that is not named",)]


def test_trains_that_break_the_energy_rule_are_refused_before_arming(tmp_path: Path) -> None:
    """60 %MSO may be moved to 70: 123.5 J, 40 pulses, 5.1 s from onset to onset at least."""
    done = rehearse(
        tmp_path, "super-rapid2-plus", train=Train(60, Fraction(20)), trains=20, gap_s=3
    )
    require_nothing(done)
    assert "its supply would be overloaded" in done.result.reason
    assert "the shortest such interval is" in done.result.reason


@pytest.mark.parametrize(
    ("protocol", "variant", "threshold", "words"),
    [
        ("itbs-600", "rapid2", 45, "cannot make bursts such as theta burst over its serial line"),
        ("ctbs-600", "super-rapid2-plus", 45, "cannot make bursts such as theta burst"),
        ("itbs-600", "bistim2", 45, "cannot make 3 pulses at 50 Hz in one"),
        ("itbs-600", "magstim200", 45, "makes single pulses only"),
        ("h1-18hz", "rapid2-115v", 55, "cannot make 18 Hz at 66 %MSO: at most 16 Hz could be"),
        ("hf10-standard", "magstim200", 45, "cannot make 10 Hz: at 54 %MSO it needs 3.1 s"),
        ("lf1-right", "bistim2", 45, "cannot make 1 Hz: at 50 %MSO it needs 4.1 s"),
    ],
)
def test_what_a_unit_cannot_make_is_refused_before_arming_with_what_would(
    tmp_path: Path, protocol: str, variant: str, threshold: int, words: str
) -> None:
    made = rehearsal_content(load_library()[protocol], threshold)
    done = MagstimRehearsal(content=made, database=tmp_path / "r.db", variant=variant).run()
    require_nothing(done)
    assert words in done.result.reason
    known_before = why_no_unit(variant, made)
    assert known_before
    assert known_before in done.result.reason


@pytest.mark.parametrize("protocol", ["hf10-standard", "hf10-dash", "lf1-right", "h1-18hz"])
def test_of_what_a_unit_can_make_nothing_is_said_against_it_before(protocol: str) -> None:
    made = rehearsal_content(load_library()[protocol], 45)
    assert why_no_unit("super-rapid2-plus", made) == ""
    assert why_no_unit("magpro", made) == ""  # what it can make it says when it is opened
    crowded = content(train=Train(60, Fraction(20)), trains=20, gap_s=3)
    assert "the shortest such interval is" in why_no_unit("super-rapid2-plus", crowded)
