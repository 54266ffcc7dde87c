"""The parts of the Treat page alone: what they show, and what they report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pyqtgraph import PlotCurveItem
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from drivers.magstim.rapid import WHY_NOT_BEFORE
from tests.delivery.treatments import Ready, make_ready
from tests.screens.test_treat_during import session, shown, snapshot
from tms_console.clinic.adverse_event import Outcome, Relatedness, What
from tms_console.delivery.order import EmulatorOrder
from tms_console.delivery.pipe import GateAnswer
from tms_console.screens.treat import Asked, BeforeScreen, before_screen
from tms_console.screens.treat_dose import TodayRange
from tms_console.screens.treat_event import EventEntry
from tms_console.screens.treat_live import Live, Raster
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.event_form import EventForm
from tms_console.ui.gauges import Ring, SessionStrip
from tms_console.ui.theme import DARK, LIGHT
from tms_console.ui.treat_before import BeforePart
from tms_console.ui.treat_during import DuringPart
from tms_console.ui.treat_seizure import SeizurePart


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    return make_ready(tmp_path, short=True)


@pytest.fixture
def bridge(qtbot: QtBot, ready: Ready) -> Iterator[Bridge]:
    del qtbot
    device = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    made = Bridge(ready.station, device)
    yield made
    made.close()


def screen_of(ready: Ready) -> BeforeScreen:
    asked = Asked(ready.patient_uid, "MagPro X100", simulated=False)
    with ready.trusting() as trusted:
        screen = before_screen(trusted, ready.station, ready.technician.enrolment, asked)
    assert isinstance(screen, BeforeScreen)
    return screen


def test_start_needs_both_identifiers_and_a_change_takes_the_preparation_back(
    qtbot: QtBot, bridge: Bridge, ready: Ready
) -> None:
    part = BeforePart(bridge)
    qtbot.addWidget(part)
    part.resize(1180, 560)
    part.show()
    started: list[bool] = []
    part.start_pressed.connect(lambda: started.append(True))
    screen = screen_of(ready)
    part.show_screen(screen)
    part.show_prepared()
    assert part.identity.text() == "Paula Example"
    part.name_tick.click()
    assert not part.start_button.isEnabled()
    part._start()
    assert not started
    part.show_screen(screen_of(ready))  # read again, and nothing is otherwise
    assert part.start_button.isVisible()
    assert part.name_tick.isChecked()
    part.birth_tick.click()
    qtbot.mouseClick(part.start_button, Qt.MouseButton.LeftButton)
    assert started == [True]
    part.show_screen(replace(screen, name="Paula Sample"))  # changed in another window
    assert not part.start_button.isVisible()
    part.show_screen(screen)
    part.show_prepared()
    worse = replace(screen.items[0], state="bad")
    part.show_screen(replace(screen, items=(worse, *screen.items[1:])))
    assert not part.start_button.isVisible()
    assert not part.prepare_button.isEnabled()


def test_todays_percentage_is_chosen_inside_what_was_signed(
    qtbot: QtBot, bridge: Bridge, ready: Ready
) -> None:
    part = BeforePart(bridge)
    qtbot.addWidget(part)
    chosen: list[object] = []
    part.today_chosen.connect(chosen.append)
    screen = screen_of(ready)
    part.show_screen(
        replace(screen, ranges=(TodayRange(1, "block", Fraction(201, 2), Fraction(120)),))
    )
    box = part.today[1]
    assert (box.minimum(), box.maximum(), box.value()) == (101, 120, 120)
    part.resize(1180, 560)
    part.show()
    part.show_prepared()
    assert part.prepared
    box.setValue(110)
    assert chosen == [(Fraction(110),)]
    assert not part.prepared  # at once, not when the new dose was read


def test_several_prescriptions_can_be_chosen_from(
    qtbot: QtBot, bridge: Bridge, ready: Ready
) -> None:
    part = BeforePart(bridge)
    qtbot.addWidget(part)
    screen = screen_of(ready)
    uid = screen.shown.prescription.uid
    part.show_screen(replace(screen, choices=(("other", "Other"), (uid, "This"))))
    assert part.choice.currentData() == uid
    asked: list[str] = []
    part.chosen.connect(asked.append)
    part.choice.setCurrentIndex(0)
    part.choice.activated.emit(0)
    assert asked == ["other"]


def test_a_refusal_names_each_check_that_refused(
    qtbot: QtBot, bridge: Bridge, ready: Ready
) -> None:
    part = BeforePart(bridge)
    qtbot.addWidget(part)
    part.show_screen(screen_of(ready))
    checks = (
        GateAnswer("coil", "refused", "No coil is connected.", "Connect the coil."),
        GateAnswer("day", "passed", "Fine.", ""),
    )
    part.show_refusal("refused", checks, ("Session 7 was cut off; its port may be armed.",))
    told = [part.refusals.itemAt(n).widget().accessibleName() for n in range(1, 3)]
    assert told == [
        "bad: Session 7 was cut off; its port may be armed.",
        "bad: No coil is connected. Connect the coil.",
    ]
    part.show_refusal("", ())
    assert part.refusals.count() == 0


def test_a_running_session_is_shown_and_says_what_was_pressed(qtbot: QtBot, bridge: Bridge) -> None:
    part = DuringPart(bridge)
    qtbot.addWidget(part)
    part.resize(1180, 560)
    part.show()
    part.begin()
    part.show_screen(shown(), DARK)
    assert (part.word.text(), part.left.text()) == ("RESTING", "1:28")
    assert part.ring.accessibleName() == "330 of 600 pulses"
    assert part.why.isHidden()
    pressed: list[object] = []
    part.intensity_pressed.connect(pressed.append)
    part.pause_pressed.connect(lambda: pressed.append("pause"))
    part.resume_pressed.connect(lambda: pressed.append("go on"))
    part.noted.connect(pressed.append)
    part.more.click()
    part.pause_button.click()
    part.note.returnPressed.emit()  # an empty note is none
    part.show_screen(shown(snapshot(state="paused", reason="F8 was pressed")), DARK)
    assert part.pause_button.text() == "Go on"
    assert (part.why.isVisible(), part.why.text()) == (True, "F8 was pressed")
    part.pause_button.click()
    assert pressed == [1, "pause", "go on"]
    part.show_live(Live(delivered=3), 5)
    assert part.on_disk.value.text() == "3 / 5"
    part.show_theme(LIGHT)
    part.grab()


def test_a_long_reason_covers_nothing_and_is_seen_whole(qtbot: QtBot, bridge: Bridge) -> None:
    part = DuringPart(bridge)
    qtbot.addWidget(part)
    part.resize(1180, 560)
    part.show()
    part.begin()
    part.show_screen(shown(snapshot(state="resting", waits_for=WHY_NOT_BEFORE)), DARK)
    qtbot.waitExposed(part)
    assert part.why.text() == WHY_NOT_BEFORE
    assert part.why.height() >= part.why.heightForWidth(part.why.width())
    where = part.why.geometry()
    beside = (part.word, part.left, part.ends, part.train, part.train_next, part.percent,
              part.dose, part.allowed, part.ring)  # fmt: skip
    assert not any(where.intersects(one.geometry()) for one in beside)
    part.show_screen(shown(), DARK)
    assert part.why.isHidden()


def test_the_focus_never_falls_from_a_step_button_to_its_neighbour(
    qtbot: QtBot, bridge: Bridge
) -> None:
    """Qt gives the focus of a disabled button to the next one, which would raise the intensity."""
    part = DuringPart(bridge)
    qtbot.addWidget(part)
    part.show()
    part.show_screen(shown(), DARK)
    qtbot.waitExposed(part)
    part.less.setFocus()
    part.show_screen(shown(wanted=34), DARK)
    assert not part.less.isEnabled()
    assert not part.more.hasFocus()


def test_ring_and_strip_are_painted_in_every_state(qtbot: QtBot) -> None:
    ring, strip = Ring(DARK), SessionStrip(DARK)
    for one in (ring, strip):
        qtbot.addWidget(one)
        one.show()
    ring.show_pulses(0, 0, "")
    ring.show_pulses(300, 600, "3 unknown")
    strip.show_cells(("done", "now", "open"), 0.5)
    assert strip.accessibleName() == "1 of 3 trains done"
    strip.show_theme(LIGHT)
    strip.grab()
    ring.grab()
    assert session().pulses == 600


def test_an_event_form_gives_back_what_it_shows(qtbot: QtBot) -> None:
    form = EventForm()
    qtbot.addWidget(form)
    entry = EventEntry(
        What.NECK_PAIN, 2, Relatedness.PROBABLE, Outcome.RECOVERED, "3", "rest", "left side"
    )
    form.show_entry(entry)
    assert form.entry() == entry


def test_after_five_minutes_the_card_says_to_call(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = SeizurePart()
    qtbot.addWidget(card)
    now = [1_000.0]
    monkeypatch.setattr("tms_console.ui.treat_seizure.time.monotonic", lambda: now[0])
    card.begin({"Coil": "figure-8"})
    now[0] += 299
    card._show_clock()
    assert card.clock.text() == "4:59"
    now[0] += 1
    card._show_clock()
    assert "emergency services now" in card.hint.text()
    card.end()


def test_before_the_first_news_of_a_session_no_pulse_of_another_is_drawn(
    qtbot: QtBot, bridge: Bridge
) -> None:
    """The last patient's pulses stood on the next one's page until the stimulator was opened."""
    part = DuringPart(bridge)
    qtbot.addWidget(part)
    seen = np.array([-2.0, -1.0])
    part.show_raster(Raster(seen, -seen, seen, np.array([0.5, 0.5])))
    assert all(len(one.getData()[0]) for one in curves(part))
    part.begin()
    assert [one.getData()[0] for one in curves(part)] == [None, None, None]


def curves(part: DuringPart) -> tuple[PlotCurveItem, ...]:
    return part.raster.given, part.raster.due, part.raster.spacing
