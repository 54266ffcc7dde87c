"""The device: connecting step by step, who answers, how warm its coil is, a test pulse, disarm.

The delivering process does all of it; this page asks and shows.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from protocols.wording import as_sentence
from tms_console.accounts.roles import Permission
from tms_console.delivery.order import EmulatorOrder, PortOrder
from tms_console.delivery.probing import (
    BUSY,
    DisarmPort,
    Found,
    LeaveAlone,
    ListPorts,
    LookAt,
    PortsFound,
    ProbeMessage,
)
from tms_console.screens import device as screens
from tms_console.screens.device import DeviceChoice, DeviceScreen
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.link import OWN_BUTTON, SessionView
from tms_console.ui.page import Page
from tms_console.ui.parts import (
    Answer,
    Card,
    Fact,
    Finding,
    button,
    clear,
    set_state,
    spin_box,
    words,
)
from tms_console.ui.scrolling import RowButton, Scrolled, breakable
from tms_console.ui.theme import SPACE
from tms_console.ui.trend import TemperatureTrend

LIST_PX, SIDE_PX = 300, 320
BEFORE = (
    "The delivering process opens the port; nothing else in this program may.",
    "It asks the stimulator who it is, what it can do, and which coil it holds.",
    "It follows the coil temperature and the state. It neither arms nor stimulates.",
    "It lets the stimulator go when you leave this page or when a session begins.",
)
"""What connecting does, told before anybody has connected."""


WITNESS = (
    "A small input on the stimulator's trigger output that sees every pulse by itself. With it a "
    "missing or an extra pulse ends the session, and the record says witnessed."
)


class DevicePage(Page):
    """Which stimulator there is, and what it says of itself."""

    name = "device"
    title = "Device"
    icon = "device"
    needs = (Permission.DELIVER_SESSION, Permission.MANAGE_DEVICES, Permission.REHEARSE)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self.screen_now = DeviceScreen()
        self._choice = screens.emulator_choices()[0]
        self._tests: str = ""
        self._looks = 0
        self._shown = False
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._left())
        row.addWidget(self._middle(), 1)
        row.addWidget(self._right())
        self.column.addLayout(row, 1)
        bridge.link.device_said.connect(self._hear)
        bridge.link.view_changed.connect(self._session)
        bridge.device_changed.connect(self._show_choices)
        bridge.theme_changed.connect(self._show_theme)

    def _left(self) -> QWidget:
        area = Scrolled("Stimulators")
        area.setFixedWidth(LIST_PX)
        on_ports, built_here = Card("On a port"), Card("Simulated")
        self._ports, self._choices = QVBoxLayout(), QVBoxLayout()
        for rows in (self._ports, self._choices):
            rows.setSpacing(SPACE)
        built_here.body.addLayout(self._choices)
        self._group = QButtonGroup(self)
        self.path = QLineEdit()
        self.path.setPlaceholderText("/dev/… or localhost:PORT")
        self.path.setAccessibleName("Another port")
        self.path.returnPressed.connect(self._show_choices)
        self.ports_told = Answer()
        self.search_button = button("Search the ports", self._search)
        on_ports.body.addLayout(self._ports)
        on_ports.add(self.search_button, self.ports_told, words("Another port", "small"), self.path)
        area.column.addWidget(on_ports)
        area.column.addWidget(built_here)
        area.column.addStretch(1)
        return area

    def _middle(self) -> QWidget:
        area = Scrolled("The stimulator that is looked at")
        head = Card("Connection")
        top = QHBoxLayout()
        self.name_words = words("", "title")
        top.addWidget(self.name_words, 1)
        self.look_button = button("Connect", self._look, "primary")
        self.use_button = button("Use for sessions", self._use)
        top.addWidget(self.use_button)
        top.addWidget(self.look_button)
        head.body.addLayout(top)
        self.state = words("", "strong")
        self.drivers = QComboBox()
        self.drivers.setAccessibleName("What is on this port")
        self.drivers.activated.connect(self._choose_driver)
        self.driver_told = words("", "small")
        head.add(self.drivers, self.driver_told)
        self._steps = QVBoxLayout()
        self._steps.setSpacing(SPACE)
        head.add(self.state)
        head.body.addLayout(self._steps)
        self.identity = Card("Identity")
        self._facts = QVBoxLayout()
        self.identity.body.addLayout(self._facts)
        self.warmth = Card("Coil temperature")
        self.celsius = words("", "big")
        self.trend = TemperatureTrend(self.bridge.tokens)
        self.warmth.add(self.celsius, self.trend)
        self.before_card = Card("What connecting does")
        for number, sentence in enumerate(BEFORE, 1):
            line = QHBoxLayout()
            mark = words(str(number), "strong", "muted", wraps=False)
            mark.setFixedWidth(20)
            mark.setAlignment(Qt.AlignmentFlag.AlignTop)
            line.addWidget(mark)
            line.addWidget(words(sentence), 1)
            self.before_card.body.addLayout(line)
        for card in (head, self.before_card, self.warmth, self.identity):
            area.column.addWidget(card)
        area.column.addStretch(1)
        return area

    def _right(self) -> QWidget:
        area = Scrolled("Test pulse and disarm")
        area.setFixedWidth(SIDE_PX)
        self.test_card = Card("Test pulse")
        self.test_card.add(
            words(
                "One single pulse on a simulated stimulator that is built for it. It goes through "
                "the same gate, driver and record as a session, into the rehearsals.",
                "muted",
            )
        )
        self.intensity = spin_box("Intensity of the test pulse, %MSO", 1, 100, 30, "%MSO")
        self.test_button = button("Give one test pulse", self._test)
        self.test_told = Answer()
        self.test_card.add(self.intensity, self.test_button, self.test_told)
        self.disarm_card = Card("Disarm")
        self.disarm_words = words("", "muted")
        self.disarm_button = button("Disarm now", self._disarm, "danger")
        self.disarm_told = Answer()
        self.disarm_card.add(
            self.disarm_words, self.disarm_button, self.disarm_told, words(OWN_BUTTON, "small")
        )
        witness = Card("Pulse witness")
        witness.add(words(WITNESS, "muted"))
        self.witness_port = QLineEdit()
        self.witness_port.setPlaceholderText("no witness")
        self.witness_port.setAccessibleName("Port of the pulse witness")
        self.witness_port.textChanged.connect(self._show_use)
        self.witness_emulated = QCheckBox("Emulate a witness beside it")
        self.witness_emulated.setAccessibleName("Emulate a witness beside it")
        self.witness_emulated.toggled.connect(self._show_use)
        witness.add(self.witness_port, self.witness_emulated)
        for card in (self.disarm_card, witness, self.test_card):
            area.column.addWidget(card)
        area.column.addStretch(1)
        return area

    # While it is shown

    def entered(self) -> None:
        """Show what is known; nothing is connected before somebody asks for it."""
        self._shown = True
        self._show_choices()
        self._show()

    def left(self) -> None:
        """Let the stimulator go: its port is for the next session."""
        self._shown = False
        if self.screen_now.looking:
            self.bridge.link.ask_device(LeaveAlone(self.screen_now.look))

    # What is pressed

    def _search(self) -> None:
        if self.bridge.link.running:
            self.ports_told.say(BUSY, "warn")
            return
        self.ports_told.say("Searching ...", "muted")
        self._ask(ListPorts())

    def _ask(self, command: ListPorts | LookAt | LeaveAlone | DisarmPort) -> bool:
        if self.bridge.link.ask_device(command):
            return True
        self.bridge.problem.emit(
            "The delivering process does not answer, so nothing was asked of the stimulator. "
            "Wait a moment, then try again; if it stays so, start the program anew."
        )
        return False

    def _pick(self, choice: DeviceChoice, _checked: bool = False) -> None:
        if screens.same_place(choice, self._choice):
            return
        self._choose(choice)

    def _choose(self, choice: DeviceChoice) -> None:
        """Let go of what is looked at, and show another."""
        if self.screen_now.looking:
            self._ask(LeaveAlone(self.screen_now.look))
        self._choice = choice
        self.screen_now = DeviceScreen(choice=choice, ports=self.screen_now.ports)
        self._show()

    @Slot()
    def _choose_driver(self) -> None:
        """Somebody says what is on the port, as its label does."""
        choice = screens.with_driver(self._choice, str(self.drivers.currentData()))
        if choice != self._choice:
            self._choose(choice)

    def _look(self) -> None:
        if self.screen_now.looking:
            self._ask(LeaveAlone(self.screen_now.look))
            return
        self._looks += 1
        self.screen_now = screens.looking_at(self.screen_now, self._choice, self._looks)
        if not self._ask(LookAt(self._looked_at(), self._looks)):
            self.screen_now = DeviceScreen(choice=self._choice, ports=self.screen_now.ports)
        self._show()

    def _looked_at(self) -> EmulatorOrder | PortOrder:
        """A port is looked at with its witness; what is built here needs none to be looked at."""
        return self._choice.order if self._choice.simulated else self._witnessed().order

    def _use(self) -> None:
        one = self._witnessed()
        if self.bridge.link.running:  # the frame names the one that gives this session
            return
        seen = " with a pulse witness" if screens.has_witness(one.order) else ""
        self.bridge.set_device(ChosenDevice(one.order, f"{one.title}{seen}", one.simulated))
        self._show()

    def _witnessed(self) -> DeviceChoice:
        """The stimulator that was chosen, with the witness that was."""
        return screens.with_witness(
            self._choice,
            self.witness_port.text(),
            emulated=self.witness_emulated.isChecked(),
        )

    def _disarm(self) -> None:
        order = self._choice.order
        if isinstance(order, PortOrder) and self._ask(DisarmPort(order.driver, order.port)):
            self.disarm_told.say("Disarming ...", "muted")

    def _test(self) -> None:
        order = self._choice.order
        if self.bridge.link.running or not isinstance(order, EmulatorOrder):
            return
        content = screens.test_pulse(self.intensity.value())
        database = screens.rehearsal_database(self.bridge.station.database.path)
        made = screens.rehearsal(content, EmulatorOrder(name=order.name), database)
        self._tests = made.authority_uid
        self.bridge.link.begin(made)

    # What is heard

    @Slot(object)
    def _hear(self, message: ProbeMessage) -> None:
        before = self.screen_now
        self.screen_now = screens.after(before, message)
        if isinstance(message, Found) and self.screen_now.choice is not None:
            self._choice = self.screen_now.choice
        if isinstance(message, PortsFound):
            number = len(message.ports)
            told = f"{number} found." if number else "The system lists no serial port."
            self.ports_told.say(told, "muted")
            self._show_choices()
        if self._shown:
            self._show()

    @Slot(object)
    def _session(self, view: SessionView) -> None:
        snapshot, order = view.snapshot, view.order
        if snapshot is not None and view.running:
            self.screen_now = screens.warmed(
                self.screen_now, snapshot.at_ns / 1e9, snapshot.coil_temperature_c
            )
        if order is not None and order.authority_uid == self._tests:
            self._show_test(view)
        if self._shown:
            self._show()

    def _show_test(self, view: SessionView) -> None:
        over = view.over
        if over is None:
            lost = " ".join(view.lost)
            self.test_told.say(lost or "Giving it ...", "bad" if lost else "muted")
            return
        pulses = 0 if view.snapshot is None else view.snapshot.delivered
        given = pulses == 1 and over.reason == "complete"
        self.test_told.say(
            f"One pulse given and on record, session {over.session_uid[:8]}."
            if given
            else f"It was not given as asked for: {over.reason}",
            "good" if given else "bad",
        )

    # What is shown

    @Slot()
    def _show_choices(self) -> None:
        for old in self._group.buttons():
            self._group.removeButton(old)
        clear(self._choices)
        clear(self._ports)
        ports = screens.port_choices(self.screen_now.ports or (), self.path.text())
        for choice in (*screens.emulator_choices(), *ports):
            in_use = DeviceChoice(self.bridge.device.order, choice.title, choice.subtitle,
                                  choice.simulated)  # fmt: skip
            used = screens.same_place(choice, in_use)
            told = f"{choice.subtitle} · in use" if used else choice.subtitle
            lines = ((choice.title, "strong", ""), (told, "small", ""))
            made = RowButton(choice.title, f"{choice.title}: {told}", lines)
            made.setChecked(screens.same_place(choice, self._choice))
            made.clicked.connect(partial(self._pick, choice))
            self._group.addButton(made)
            (self._choices if choice.simulated else self._ports).addWidget(made)

    def _show(self) -> None:
        screen, link = self.screen_now, self.bridge.link
        running = link.running
        self.name_words.setText(breakable(self._choice.title))
        self.look_button.setText("Disconnect" if screen.looking else "Connect")
        self.look_button.setEnabled(not running)
        self._show_use()
        self._show_drivers()
        text, state = screen.state_words
        self.state.setText(BUSY if running else as_sentence(text))
        set_state(self.state, "warn" if running else state)
        self._show_steps(screen)
        self.identity.setVisible(bool(screen.facts))
        self.before_card.setVisible(not screen.looking and not screen.steps)
        self._show_facts(screen)
        warm = screen.temperatures
        self.warmth.setVisible(bool(warm) or screen.seen is not None)
        self.celsius.setText(f"{warm[-1].celsius} °C" if warm else "not told")
        self.trend.show_points(warm)
        self._show_side(screen, running=running)

    @Slot()
    def _show_use(self) -> None:
        """Whether the stimulator, with its witness, is the one that sessions are given with."""
        running, simulated = self.bridge.link.running, self._choice.simulated
        may = self.bridge.may(Permission.DELIVER_SESSION)
        may_choose = may or self.bridge.may(Permission.MANAGE_DEVICES)
        in_use = self._witnessed().order == self.bridge.device.order
        self.use_button.setText("In use for sessions" if in_use else "Use for sessions")
        known = bool(screens.driver_name(self._choice.order))
        self.use_button.setEnabled(may_choose and not running and not in_use and known)
        self.witness_port.setVisible(not simulated)
        self.witness_emulated.setVisible(simulated)
        for field in (self.witness_port, self.witness_emulated):
            field.setEnabled(may_choose and not running)

    def _show_drivers(self) -> None:
        """Show what may be on the port; what answered is chosen."""
        known = screens.drivers_of(self._choice)
        self.drivers.setVisible(bool(known))
        self.drivers.setEnabled(not self.bridge.link.running)
        if self.drivers.count() != len(known):
            self.drivers.clear()
            for name, title in known:
                self.drivers.addItem(title, name)
        order = self._choice.order
        if isinstance(order, PortOrder):
            self.drivers.setCurrentIndex(max(self.drivers.findData(order.driver), 0))
        told = screens.driver_words(self._choice)
        self.driver_told.setText(told)
        self.driver_told.setVisible(bool(told))

    def _show_steps(self, screen: DeviceScreen) -> None:
        if self._steps.count() == len(screen.steps) and self._steps.property("of") == screen.steps:
            return
        self._steps.setProperty("of", screen.steps)
        clear(self._steps)
        for step in screen.steps:
            raw = ""
            if not step.passed:
                raw = f"Bytes received: {step.raw}" if step.raw else "No bytes were received."
            state = "good" if step.passed else "bad"
            self._steps.addWidget(Finding(breakable(f"{step.name}: {step.sentence}"), state, raw))

    def _show_facts(self, screen: DeviceScreen) -> None:
        facts = screen.facts
        if self._facts.count() != len(facts):
            clear(self._facts)
            for label, value in facts:
                self._facts.addWidget(Fact(label, value))
            return
        for at, (_, value) in enumerate(facts):
            item = self._facts.itemAt(at)
            widget = None if item is None else item.widget()
            if isinstance(widget, Fact):
                widget.show_value(value)

    def _show_side(self, screen: DeviceScreen, *, running: bool) -> None:
        simulated = self._choice.simulated
        self.test_card.setVisible(simulated and self.bridge.may(Permission.REHEARSE))
        self.test_button.setEnabled(not running)
        self.disarm_button.setVisible(not simulated)
        self.disarm_words.setText(
            "This emulator lives only while it is looked at, and is disarmed when it is let go."
            if simulated
            else f"Writes “disarm” to {breakable(self._choice.title)}, whatever is there and in "
            "whatever state it is."
        )
        told = screen.disarm
        if told is not None:
            self.disarm_told.say(breakable(told.sentence), "good" if told.confirmed else "bad")

    @Slot()
    def _show_theme(self) -> None:
        self.trend.show_theme(self.bridge.tokens)
