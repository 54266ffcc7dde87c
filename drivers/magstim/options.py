"""How one emulated Magstim is built: family, software, model, coil, and what no source settles.

What the unit does with them is in `unit` and `emulator`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.magstim.dialect import Dialect, Family
from drivers.magstim.requests import UnlockCode
from drivers.magstim.tables import Mains, RapidModel, RapidUnit
from drivers.simulator.physics import Coil

MADE_UP_CODE = UnlockCode("1a2b-3c4d5e6f-70")
"""Unlocks emulators and nothing else; from the reference's worked example."""
FIGURE_8 = Coil(1, "D70 (emulated)")
"""A Magstim does not tell its coil's name; heating and cooling are illustrative."""

DEFAULT_VERSIONS = {5: "5.1", 7: "7.2", 8: "8.1", 9: "9.0", 10: "10.1"}


@dataclass(frozen=True, slots=True)
class Options:
    """How this very unit is built and behaves.

    Attributes:
        family: Which kind of unit.
        version: Software of a Rapid², "" for the others.
        model: Of a Rapid².
        mains: Its supply.
        code: What unlocks it, if its software wants a code.
        coil: What is plugged in at first, or None.
        seed: Seeds latencies and jitter.
        silent_while_locked: Software 9 and above answers nothing before it is unlocked; if False,
            it answers the version query (sources say "most commands").
        ends_at_last_pulse: Its running bit falls with the last pulse; if False, one period later,
            when the train's set duration is over.  Which of them is published nowhere.
        restart_ns: From losing power to being ready again; assumed.
        jitter: Spread of di/dt as a fraction.
    """

    family: Family = Family.RAPID
    version: str = "9.0"
    model: RapidModel = RapidModel.RAPID
    mains: Mains = Mains.V240
    code: UnlockCode = MADE_UP_CODE
    coil: Coil | None = FIGURE_8
    seed: int = 0
    silent_while_locked: bool = True
    ends_at_last_pulse: bool = False
    restart_ns: int = 4_000_000_000
    jitter: float = 0.005

    @property
    def dialect(self) -> Dialect:
        """What it understands."""
        return Dialect(self.family, int(self.version.partition(".")[0]) if self.version else 0)

    @property
    def rapid(self) -> RapidUnit | None:
        """The limits of a Rapid², None for the others."""
        if self.family is not Family.RAPID:
            return None
        return RapidUnit(self.model, self.mains, self.dialect)

    @property
    def name(self) -> str:
        """The maker's name of the model."""
        return f"Magstim {self.family}" if self.rapid is None else self.rapid.name


_RAPID = Options()
VARIANTS = {
    "magstim200": Options(Family.MAGSTIM_200, ""),
    "bistim2": Options(Family.BISTIM, ""),
    "rapid2": _RAPID,
    "rapid2-v5": replace(_RAPID, version="5.1"),
    "rapid2-v7": replace(_RAPID, version="7.2"),
    "rapid2-v10": replace(_RAPID, version="10.1"),
    "rapid2-115v": replace(_RAPID, mains=Mains.V115),
    "super-rapid2": replace(_RAPID, model=RapidModel.SUPER),
    "super-rapid2-115v": replace(_RAPID, model=RapidModel.SUPER, mains=Mains.V115),
    "super-rapid2-plus": replace(_RAPID, model=RapidModel.SUPER_PLUS),
    "super-rapid2-plus-115v": replace(_RAPID, model=RapidModel.SUPER_PLUS, mains=Mains.V115),
    "horizon": replace(_RAPID, model=RapidModel.HORIZON, version="9.4"),
}
"""The units one can ask for."""
