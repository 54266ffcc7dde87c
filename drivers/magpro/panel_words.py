"""Words for what a person, or bad luck, does to an emulated MagPro, for a keyboard or a script.

What each does is in `panel`, `unit` and `emulator`.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.tables import Page
from drivers.magpro.variants import COILS

USAGE = (
    "knob +N | knob -N, enable, disable, trigger, foot, start, ttl, page NAME, coil TYPE | "
    "coil off, interlock open | interlock close, hang, unplug, restart"
)


def action_of(device: MagProEmulator, words: str) -> Callable[[], None]:
    """Return what the words ask for, to be done in the device's own thread.

    Raises:
        ValueError: They ask for nothing there is; the message lists what there is.
    """
    verb, _, rest = words.strip().lower().partition(" ")
    action = _plain(device).get(verb) if not rest else _with_argument(device, verb, rest.strip())
    if action is None:
        raise ValueError(f"{words.strip()!r} is nothing one can do here; there are: {USAGE}")
    return action


def _plain(device: MagProEmulator) -> dict[str, Callable[[], None]]:
    panel = device.panel
    return {
        "enable": lambda: panel.press_enable(enabled=True),
        "disable": lambda: panel.press_enable(enabled=False),
        "trigger": panel.press_trigger,
        "foot": panel.press_foot_switch,
        "start": panel.press_start,
        "ttl": panel.trigger_input,
        "hang": device.hang,
        "unplug": device.unplug,
        "restart": device.restart,
    }


def _with_argument(device: MagProEmulator, verb: str, rest: str) -> Callable[[], None] | None:
    panel = device.panel
    match verb, rest:
        case "interlock", "open":
            return panel.open_interlock
        case "interlock", "close":
            return panel.close_interlock
        case "coil", "off":
            return panel.unplug_coil
        case "coil", number if number.isdecimal() and int(number) in COILS:
            return lambda: panel.plug_coil(COILS[int(number)])
        case "page", name if name.upper() in Page.__members__:
            return lambda: panel.show_page(Page[name.upper()])
        case "knob", amount if amount.lstrip("+-").isdecimal():
            return lambda: panel.turn_knob(int(amount))
        case _:
            return None
