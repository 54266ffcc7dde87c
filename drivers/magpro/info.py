"""What single bytes of a MagPro say: the info byte, the caps byte, and names for numbers.

Whole messages are in `replies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from drivers.magpro.tables import COIL_NAMES, COIL_SHAPES, MODEL_NAMES, Mode, Model, Waveform

MAX_RATE_BY_CLASS = {0: 30, 1: 20, 2: 60, 3: 80}
"""R30: pulses a second by rate class."""
X100_FAST_CLASS = 3
X100_FAST_RATE_HZ = 250
X100_RATE_HZ = 100
_X100_FAMILY = frozenset({Model.X100, Model.X100_OPTION})


def model_name(model: int) -> str:
    """Return the maker's name of a model number, or one that says it is unknown."""
    return MODEL_NAMES[Model(model)] if model in MODEL_NAMES else f"MagPro model {model}"


def coil_name(coil_type: int) -> str:
    """Return the name of a coil type byte, or one that says it is unknown."""
    return COIL_NAMES.get(coil_type, f"coil type {coil_type}")


def coil_shape(coil_type: int) -> str:
    """Return what protocols call a coil of this type byte, "" if its name is all there is."""
    return COIL_SHAPES.get(coil_type, "")


def serial_text(serial: int) -> str:
    """Return a serial number as it is written: plain decimal (not unpadded hexadecimal)."""
    return str(serial)


@dataclass(frozen=True, slots=True)
class Info:
    """The info byte: b0-1 mode, b2-3 waveform, b4 enabled, b5-7 model.

    Attributes:
        model: A `Model`, or 6 or 7, which have no name.
        enabled: The unit can fire.
        waveform: Pulse shape.
        mode: What one trigger sets off.
    """

    model: int
    enabled: bool
    waveform: Waveform = Waveform.BIPHASIC
    mode: Mode = Mode.STANDARD

    @property
    def byte(self) -> int:
        """The byte on the wire."""
        return self.model << 5 | self.enabled << 4 | self.waveform << 2 | self.mode

    @classmethod
    def of(cls, byte: int) -> Self:
        """Return what a byte says; every byte says something."""
        return cls(byte >> 5, bool(byte >> 4 & 1), Waveform(byte >> 2 & 3), Mode(byte & 3))


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps byte of id 9: b0-2 model, b3-5 class of the highest rate, b6 burst supported."""

    model: int
    rate_class: int
    burst: bool

    @property
    def byte(self) -> int:
        """The byte on the wire."""
        return self.burst << 6 | self.rate_class << 3 | self.model

    @classmethod
    def of(cls, byte: int) -> Self:
        """Return what a byte says; every byte says something."""
        return cls(byte & 7, byte >> 3 & 7, bool(byte >> 6 & 1))

    @property
    def max_rate_hz(self) -> int | None:
        """Highest rate in pulses a second; None for a class without a meaning."""
        if self.model in _X100_FAMILY:
            return X100_FAST_RATE_HZ if self.rate_class == X100_FAST_CLASS else X100_RATE_HZ
        return MAX_RATE_BY_CLASS.get(self.rate_class)
