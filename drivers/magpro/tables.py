"""The MagPro's numbers for things: enums, coils, and what its index bytes stand for.

Nothing here is a frame, and nothing decides what a given unit can do.  The source of every number
is stimulators.md, 2.2 and 2.3.  Times are exact integers in tenths of milliseconds.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from itertools import chain


class Mode(IntEnum):
    """What one trigger sets off."""

    STANDARD = 0
    POWER = 1
    TWIN = 2
    DUAL = 3


class Direction(IntEnum):
    """Which way the coil current runs."""

    NORMAL = 0
    REVERSE = 1


class Waveform(IntEnum):
    """The shape of a pulse, or a burst of biphasic ones."""

    MONOPHASIC = 0
    BIPHASIC = 1
    HALF_SINE = 2
    BIPHASIC_BURST = 3


class BurstIndex(IntEnum):
    """How many pulses a burst has, as the device numbers it."""

    FIVE = 0
    FOUR = 1
    THREE = 2
    TWO = 3

    @property
    def pulses(self) -> int:
        """Pulses in the burst."""
        return 5 - self.value

    @classmethod
    def of(cls, pulses: int) -> BurstIndex:
        """Return the index for a number of pulses.

        Raises:
            ValueError: The device makes bursts of 2 to 5 pulses.
        """
        try:
            return cls(5 - pulses)
        except ValueError as error:
            raise ValueError(f"a MagPro burst has 2 to 5 pulses, not {pulses}") from error


class Model(IntEnum):
    """The unit and its built-in option, as the info byte tells."""

    R30 = 0
    X100 = 1
    R30_OPTION = 2
    X100_OPTION = 3
    R30_OPTION_MONO = 4
    MST = 5


MODEL_NAMES = {
    Model.R30: "MagPro R30",
    Model.X100: "MagPro X100",
    Model.R30_OPTION: "MagPro R30 with MagOption",
    Model.X100_OPTION: "MagPro X100 with MagOption",
    Model.R30_OPTION_MONO: "MagPro R30 with MagOption, monophasic",
    Model.MST: "MagPro MST",
}


class Page(IntEnum):
    """What the unit's own screen shows; some commands only work on some pages."""

    MAIN = 1
    TIMING = 2
    TRIGGER = 3
    CONFIGURATION = 4
    DOWNLOAD = 6
    PROTOCOL = 7
    MEP = 8
    SERVICE = 13
    TREATMENT = 15
    TREATMENT_SELECT = 16
    SERVICE_2 = 17
    CALCULATOR = 19


class TimingControl(IntFlag):
    """Who sets off a sequence; EXTENDED_RATE may be added to any of them."""

    SEQUENCE = 0
    EXTERNAL_TRIGGER = 1
    EXTERNAL_SEQUENCE_START = 2
    EXTERNAL_SEQUENCE_CONTINUE = 3
    EXTENDED_RATE = 16


COIL_NAMES = {
    0: "unknown or MRi-B91",
    56: "Cool-B35",
    60: "Cool-B65",
    62: "MCF-B65",
    63: "MCF-P-B65",
    64: "Cool-B65 A/P",
    72: "C-B60",
    73: "C-B70",
    81: "MC-125",
    82: "MC-B70",
    86: "D-B80",
}
"""Coil names by type byte; 0 is also what a unit without a coil says."""

COIL_SHAPES = {
    56: "figure-8",
    60: "figure-8",
    62: "figure-8",
    72: "figure-8",
    73: "figure-8",
    81: "circular",
    82: "figure-8",
}
"""What protocols call these coils: the maker's B is a butterfly, which is a figure of eight.

MCF-P-B65 is a placebo coil and Cool-B65 A/P is one on one of its sides: neither is called anything.
D-B80 is bent and is prescribed by its name."""

NO_COOLER_C = 90
"""The temperature one cooled coil reports while no cooler is connected."""

BURST_IPI_TENTHS_MS = tuple(
    chain(range(1000, 199, -10), range(195, 99, -5), range(99, 4, -1)),
)
"""Interval between the pulses of a burst by index 0 to 195: 100 ms down to 0.5 ms."""

PAIR_IPI_TENTHS_MS = tuple(
    chain(
        range(30000, 9999, -1000),
        range(9500, 4999, -500),
        range(4900, 999, -100),
        range(990, 199, -10),
        range(195, 99, -5),
        range(99, 9, -1),
    ),
)
"""Interval of a Twin or Dual pair by index 0 to 260: 3000 ms down to 1.0 ms."""

TWIN_RATIO_HUNDREDTHS = tuple(range(500, 19, -5))
"""B/A ratio in Twin mode by index, 5.00 - 0.05 * index; the lower end, 0.20, is assumed."""

DUAL_B_PCT = tuple(range(100, -1, -1))
"""Amplitude B in Dual mode by index, 100 - index, in %MSO."""

_INDEX = {
    table: {value: index for index, value in enumerate(table)}
    for table in (BURST_IPI_TENTHS_MS, PAIR_IPI_TENTHS_MS, TWIN_RATIO_HUNDREDTHS, DUAL_B_PCT)
}


def ipi_table(mode: Mode) -> tuple[int, ...]:
    """Return the interval table that holds in this mode, in tenths of milliseconds."""
    return PAIR_IPI_TENTHS_MS if mode in {Mode.TWIN, Mode.DUAL} else BURST_IPI_TENTHS_MS


def ipi_index(mode: Mode, ipi_tenths_ms: int) -> int:
    """Return the index of an interval in this mode's table.

    Raises:
        ValueError: The device has no such interval.
    """
    table = ipi_table(mode)
    index = _INDEX[table].get(ipi_tenths_ms)
    if index is None:
        raise ValueError(
            f"{mode.name} has no interval of {ipi_tenths_ms / 10} ms: it takes {table[-1] / 10} to "
            f"{table[0] / 10} ms in the device's own steps"
        )
    return index


def ipi_tenths_ms(mode: Mode, index: int) -> int:
    """Return the interval at an index of this mode's table, in tenths of milliseconds.

    Raises:
        ValueError: The table has no such index.
    """
    table = ipi_table(mode)
    if not 0 <= index < len(table):
        raise ValueError(f"{mode.name} has no interval index {index}: 0 to {len(table) - 1}")
    return table[index]


def ba_index(mode: Mode, ba_hundredths: int) -> int:
    """Return the index of a B/A value: a ratio, in Dual mode amplitude B, both times 100.

    Raises:
        ValueError: The device has no such value.
    """
    if mode is Mode.DUAL:
        percent, rest = divmod(ba_hundredths, 100)
        index = None if rest else _INDEX[DUAL_B_PCT].get(percent)
    else:
        index = _INDEX[TWIN_RATIO_HUNDREDTHS].get(ba_hundredths)
    if index is None:
        allowed = "0 to 100 %" if mode is Mode.DUAL else "0.20 to 5.00 by 0.05"
        raise ValueError(f"{mode.name} has no B/A of {ba_hundredths / 100}: {allowed}")
    return index


def ba_hundredths(mode: Mode, index: int) -> int:
    """Return the B/A value at an index, times 100; in Dual mode amplitude B in %MSO times 100.

    Raises:
        ValueError: The table has no such index.
    """
    table = DUAL_B_PCT if mode is Mode.DUAL else TWIN_RATIO_HUNDREDTHS
    if not 0 <= index < len(table):
        raise ValueError(f"{mode.name} has no B/A index {index}: 0 to {len(table) - 1}")
    return table[index] * 100 if mode is Mode.DUAL else table[index]
