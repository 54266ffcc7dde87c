"""What a person can do at an emulated Magstim: coil, interlock, trigger input, stop button.

A mainframe under serial control has no other front; what the unit then does is in `unit`.
"""

from __future__ import annotations

from drivers.magstim.unit import MagstimUnit, Phase
from drivers.simulator.device import Source
from drivers.simulator.physics import Coil


class Panel:
    """Connectors and buttons of the unit; dead without power."""

    def __init__(self, unit: MagstimUnit) -> None:
        self._unit = unit

    def _trigger(self, source: Source) -> None:
        if self._unit.powered and self._unit.phase is Phase.READY:
            self._unit.trigger(source)

    def press_trigger(self) -> None:
        """Fire with the front's button: one stimulus, in repetitive mode the train."""
        self._trigger(Source.PANEL)

    def press_foot_switch(self) -> None:
        """Fire with the foot switch."""
        self._trigger(Source.FOOT_SWITCH)

    def trigger_input(self) -> None:
        """Put an edge on the trigger input."""
        self._trigger(Source.TTL)

    def press_stop(self) -> None:
        """Press the red button on the hardware stop line."""
        self._unit.disarm()

    def turn_knob(self, by_pct_mso: int) -> None:
        """Change the power at the front; while a host controls the unit the knob is dead."""
        if self._unit.powered and not self._unit.remote:
            self._unit.set_power(self._unit.power_pct + by_pct_mso)

    def unplug_coil(self) -> None:
        """Pull the coil's plug."""
        self._unit.plug_coil(None)

    def plug_coil(self, coil: Coil) -> None:
        """Plug a coil in."""
        self._unit.plug_coil(coil)

    def open_interlock(self) -> None:
        """Open the coil's interlock."""
        self._unit.set_interlock(is_open=True)

    def close_interlock(self) -> None:
        """Close the interlock; the unit stays disarmed."""
        self._unit.set_interlock(is_open=False)
