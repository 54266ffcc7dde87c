"""What a person can do at an emulated MagPro: knob, buttons, foot switch, coil, trigger input.

Panel and serial line act together on a MagPro; what the unit then does is in `unit`.
"""

from __future__ import annotations

from drivers.magpro.stimulus import TENTH_MS_NS
from drivers.magpro.tables import Page, TimingControl
from drivers.magpro.unit import MagProUnit
from drivers.simulator.device import Source
from drivers.simulator.physics import Coil


class Panel:
    """The front of the unit, its coil connector and its trigger input; dead without power."""

    def __init__(self, unit: MagProUnit) -> None:
        self._unit = unit

    def turn_knob(self, by_pct_mso: int) -> None:
        """Change the amplitude; it stays within 0 to 100 %MSO."""
        if self._unit.powered:
            self._unit.turn_knob(by_pct_mso)

    def press_enable(self, *, enabled: bool) -> None:
        """Enable or disable with the button."""
        if self._unit.powered:
            self._unit.set_enabled(enabled)
            self._unit.say_enabled()

    def press_trigger(self) -> None:
        """Give one stimulus with the button."""
        self._unit.trigger(Source.PANEL)

    def press_foot_switch(self) -> None:
        """Give one stimulus with the foot switch."""
        self._unit.trigger(Source.FOOT_SWITCH)

    def press_start(self) -> None:
        """Start the train with the button."""
        self._unit.start_train(Source.PANEL)

    def trigger_input(self) -> None:
        """Put a pulse on the trigger input: one stimulus after its delay, or the sequence."""
        unit = self._unit
        if unit.timing & TimingControl.EXTERNAL_SEQUENCE_START:
            unit.start_train(Source.TTL)
        else:
            unit.trigger(Source.TTL, unit.delays.trigger_in_tenths_ms * TENTH_MS_NS)

    def show_page(self, page: Page) -> None:
        """Turn the screen to a page."""
        if self._unit.powered:
            self._unit.set_page(page)

    def unplug_coil(self) -> None:
        """Pull the coil's plug."""
        if self._unit.powered:
            self._unit.plug_coil(None)

    def plug_coil(self, coil: Coil) -> None:
        """Plug a coil in."""
        if self._unit.powered:
            self._unit.plug_coil(coil)

    def open_interlock(self) -> None:
        """Open the interlock."""
        if self._unit.powered:
            self._unit.set_interlock(is_open=True)

    def close_interlock(self) -> None:
        """Close the interlock; the unit stays disarmed."""
        if self._unit.powered:
            self._unit.set_interlock(is_open=False)
