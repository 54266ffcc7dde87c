"""What the look promises: contrast, nothing cut, nothing of an earlier login or page."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.delivery.treatments import Ready, make_ready, make_unrelated
from tests.ui.decisions import OFFSCREEN
from tms_console.clinic.adverse_event import AdverseEvent, What
from tms_console.clinic.adverse_events import record_adverse_event
from tms_console.clinic.patients import PatientDetails, Sex, add_patient
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.records.database import Purpose
from tms_console.screens.tables import Line, Table
from tms_console.ui.app import Window, application
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.tables import PAD_PX, WordsView, shared
from tms_console.ui.theme import DARK, LIGHT, THEMES, Tokens, style_sheet

pytestmark = pytest.mark.qt_log_ignore(OFFSCREEN)

LEAST = 4.5
PATIENCE_MS = 20_000
ON = {
    "text": ("rail", "ground", "panel", "raised", "accent_ground", "good_ground", "warn_ground",
             "bad_ground", "note_ground"),
    "muted": ("rail", "ground", "panel", "raised", "open"),
    "accent": ("panel", "accent_ground"),
    "good": ("panel", "ground", "good_ground"),
    "warn": ("panel", "ground", "rail", "warn_ground"),
    "bad": ("panel", "ground", "rail", "bad_ground"),
    "note": ("panel", "ground", "note_ground"),
    "on_accent": ("accent",),
    "on_warn": ("warn",),
    "on_pause": ("pause",),
    "on_stop": ("stop",),
}  # fmt: skip


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_stand_out_from_every_ground_they_are_on(theme: Tokens) -> None:
    for words, grounds in ON.items():
        for ground in grounds:
            one, other = sorted(
                (luminance(getattr(theme, words)), luminance(getattr(theme, ground)))
            )
            assert (other + 0.05) / (one + 0.05) >= LEAST, (words, ground)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_mark_of_the_style_sheet_ships(theme: Tokens) -> None:
    marks = re.findall(r"url\(tms:([^)]+)\)", style_sheet(theme))
    assert len(marks) >= 4
    for name in marks:
        assert (resources.files("resources") / "icons" / name).is_file()


@given(
    st.lists(st.tuples(st.integers(20, 900), st.integers(20, 200)), min_size=1, max_size=9),
    st.integers(100, 2000),
)
def test_columns_get_what_they_need_or_share_what_is_there(
    wishes: list[tuple[int, int]], there: int
) -> None:
    least = [low for _, low in wishes]
    needed = [max(wish, low) for wish, low in wishes]
    got = shared(needed, least, there)
    if sum(needed) <= there:
        assert all(one >= wish for one, wish in zip(got, needed, strict=True))
    assert sum(got) <= max(there, sum(least))
    assert all(one >= low for one, low in zip(got, least, strict=True))


def test_no_cell_and_no_heading_of_a_table_is_cut(qtbot: QtBot) -> None:
    application().setStyleSheet(style_sheet(DARK))
    view = WordsView("A table", DARK)
    qtbot.addWidget(view)
    view.resize(800, 300)
    long = "Behandlungsunterbrechungsdauer and other words that need more than their part"
    cells = ("v2", long, long, "Fri 13 Nov 09:04, J. Meyer")
    view.show_table(
        Table(("Version", "What", "Why", "By"), (Line("a", cells),), (9, 9, 9, 9)), DARK
    )
    view.show()
    measure = view.fontMetrics()
    for column, text in enumerate(cells):
        width = view.columnWidth(column)
        assert width >= view.horizontalHeader().sectionSizeHint(column)
        longest = max(measure.horizontalAdvance(one) for one in text.split())
        assert width >= longest + PAD_PX
        wraps = Qt.TextFlag.TextWordWrap
        wanted = measure.boundingRect(0, 0, width - PAD_PX, 1, wraps, text).height()
        assert view.rowHeight(0) > wanted
    assert sum(view.columnWidth(one) for one in range(4)) <= view.viewport().width()


def test_an_empty_table_says_why(qtbot: QtBot) -> None:
    application().setStyleSheet(style_sheet(DARK))
    view = WordsView("A table", DARK)
    qtbot.addWidget(view)
    view.resize(400, 200)
    view.show()
    view.show_table(Table(("What",), (), (9,)), DARK)
    without = view.grab().toImage()
    view.show_table(Table(("What",), (), (9,), empty="No session yet."), DARK)
    assert view.grab().toImage() != without


def window_of(ready: Ready) -> Window:
    application()
    device = ChosenDevice(EmulatorOrder(name="magpro"), "MagPro X100", simulated=True)
    window = Window(Bridge(ready.station, device))
    window.shell.resize(1280, 720)
    window.shell.show()
    return window


def test_the_frame_shows_alerts_in_full_and_nothing_of_an_earlier_login_or_page(
    qtbot: QtBot, tmp_path: Path
) -> None:
    ready = make_ready(tmp_path)
    alert = "bupropion 300 mg in the morning lowers the seizure threshold; ask for the last dose"
    details = PatientDetails("Rivera", "1981-03-14", Sex.FEMALE, "0045120077", alerts=(alert,))
    uid = add_patient(ready.station, ready.technician, details)
    window = window_of(ready)
    shell, bridge = window.shell, window.bridge
    try:
        bridge.set_login(ready.technician)
        bridge.set_patient(uid)
        bridge.go("treat")
        qtbot.waitUntil(shell.alerts.isVisible, timeout=PATIENCE_MS)
        assert shell.alerts.text.text() == alert
        assert shell.alerts.text.wordWrap()
        bridge.go("device")
        assert not shell.alerts.isVisible()
        shell._pages["records"].say_subtitle("67 sessions")  # read for a page that was left
        assert shell.subtitle.text() == ""
        qtbot.waitUntil(lambda: bridge.worker._waiting == 0, timeout=PATIENCE_MS)
        assert shell.facts.count() > 0
        bridge.set_login(None)
        assert shell.facts.count() == 0
    finally:
        window.close()
        window.deleteLater()


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_words_on_stop_in_the_frame_are_not_cut(
    qtbot: QtBot, tmp_path: Path, theme: Tokens
) -> None:
    ready = make_ready(tmp_path)
    window = window_of(ready)
    try:
        window.bridge.set_theme(theme)
        stop = window.shell.stop_button
        stop.show()
        qtbot.waitUntil(stop.isVisible, timeout=PATIENCE_MS)
        needed = stop.sizeHint()
        assert stop.minimumHeight() >= needed.height()  # a full page does not squeeze it
        assert stop.width() >= needed.width()
        assert needed.height() >= stop.fontMetrics().height()
    finally:
        window.close()
        window.deleteLater()


@pytest.mark.usefixtures("qtbot")
def test_a_demonstration_says_simulated_even_if_a_real_port_is_chosen(tmp_path: Path) -> None:
    ready = make_unrelated(tmp_path / "first", Purpose.DEMO)
    window = window_of(ready)
    try:
        order = PortOrder(driver="magpro", port="/dev/nothing-here")
        window.bridge.set_device(ChosenDevice(order, "MagPro", simulated=False))
        assert window.shell.band.isVisible()
        assert "REAL" in window.shell.status_right.text()
    finally:
        window.close()
        window.deleteLater()


def test_a_hold_shows_above_the_page_as_soon_as_it_is_on_record(
    qtbot: QtBot, tmp_path: Path
) -> None:
    ready = make_ready(tmp_path)
    window = window_of(ready)
    shell, bridge = window.shell, window.bridge
    try:
        bridge.set_login(ready.technician)
        bridge.set_patient(ready.patient_uid)
        bridge.go("treat")
        qtbot.waitUntil(lambda: bridge.worker._waiting == 0, timeout=PATIENCE_MS)
        assert "on hold" not in shell.alerts.text.text()
        event = AdverseEvent(ready.patient_uid, What.SEIZURE, 3, ready.station.wall())
        bridge.act(
            shell,
            lambda station, login: record_adverse_event(station, login, event),
            lambda _uid: None,
        )
        qtbot.waitUntil(lambda: "on hold" in shell.alerts.text.text(), timeout=PATIENCE_MS)
    finally:
        window.close()
        window.deleteLater()


def test_rows_that_fit_their_content_are_as_high_as_their_words(qtbot: QtBot) -> None:
    application().setStyleSheet(style_sheet(DARK))
    view = WordsView("A table", DARK)
    qtbot.addWidget(view)
    view.resize(500, 300)
    view.wrap_rows()
    cells = ("left eyelid during trains and a while after each of them", "by J. Meyer " * 9)
    view.show_table(Table(("In words", "By"), (Line("a", cells),), (9, 9)), DARK)
    view.show()
    measure, wraps = view.fontMetrics(), Qt.TextFlag.TextWordWrap
    for column, text in enumerate(cells):
        width = view.columnWidth(column) - PAD_PX
        assert view.rowHeight(0) > measure.boundingRect(0, 0, width, 1, wraps, text).height()
