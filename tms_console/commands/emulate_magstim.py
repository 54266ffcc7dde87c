"""`tms-console emulate rapid2 | bistim2 | magstim200`: emulated Magstims for any client.

How an emulator is hosted and what it says of itself is in `emulate`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tms_console.commands.emulate import Hosting, app, parsed_faults, run

__all__ = ["app"]

if TYPE_CHECKING:
    from drivers.magstim.emulator import MagstimEmulator
    from drivers.simulator.device import PulseObserver

Link = Annotated[
    Path | None, typer.Option(help="Make this link to the pseudo-terminal.", metavar="PATH")
]
Listen = Annotated[
    str | None, typer.Option(help="Listen on a loopback port instead.", metavar="localhost:PORT")
]
Faults = Annotated[
    list[str] | None,
    typer.Option(help="What goes wrong at which pulse; may be repeated.", metavar="NAME@PULSE"),
]
Seed = Annotated[int, typer.Option(help="Seeds latencies and jitter.")]
PulseLogFile = Annotated[
    Path | None, typer.Option(help="Append every pulse to this file.", metavar="FILE")
]
WitnessLink = Annotated[
    Path | None,
    typer.Option(help="A pulse witness on its trigger output, at this link.", metavar="PATH"),
]
Patient = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="SEED",
        help="Put a virtual patient under the coil; the control socket says what moved.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Lines of JSON.")]


@app.command()
def rapid2(  # noqa: PLR0913, PLR0917 - one parameter per option
    link: Link = None,
    listen: Listen = None,
    fault: Faults = None,
    model: Annotated[
        str, typer.Option(help="Model and software, such as rapid2-v7 or super-rapid2-plus.")
    ] = "rapid2",
    seed: Seed = 0,
    pulse_log: PulseLogFile = None,
    witness_link: WitnessLink = None,
    patient: Patient = None,
    as_json: AsJson = False,
) -> None:
    """Run an emulated Magstim Rapid² until Ctrl-C or a termination signal.

    Software 9 and above unlocks with the made-up code 1a2b-3c4d5e6f-70.
    """
    from drivers.magstim.dialect import Family  # noqa: PLC0415 - start-up time
    from drivers.magstim.options import VARIANTS  # noqa: PLC0415

    models = [name for name, options in VARIANTS.items() if options.family is Family.RAPID]
    if model not in models:
        raise typer.BadParameter(f"there is no model {model!r}; there are {', '.join(models)}")
    hosting = Hosting(link, listen, pulse_log, witness_link, patient, as_json)
    _run(model, fault, seed, hosting)


@app.command()
def bistim2(  # noqa: PLR0913, PLR0917 - one parameter per option
    link: Link = None,
    listen: Listen = None,
    fault: Faults = None,
    seed: Seed = 0,
    pulse_log: PulseLogFile = None,
    witness_link: WitnessLink = None,
    patient: Patient = None,
    as_json: AsJson = False,
) -> None:
    """Run an emulated Magstim BiStim² until Ctrl-C or a termination signal."""
    hosting = Hosting(link, listen, pulse_log, witness_link, patient, as_json)
    _run("bistim2", fault, seed, hosting)


@app.command()
def magstim200(  # noqa: PLR0913, PLR0917 - one parameter per option
    link: Link = None,
    listen: Listen = None,
    fault: Faults = None,
    seed: Seed = 0,
    pulse_log: PulseLogFile = None,
    witness_link: WitnessLink = None,
    patient: Patient = None,
    as_json: AsJson = False,
) -> None:
    """Run an emulated Magstim 200² until Ctrl-C or a termination signal."""
    hosting = Hosting(link, listen, pulse_log, witness_link, patient, as_json)
    _run("magstim200", fault, seed, hosting)


def _run(variant: str, fault: list[str] | None, seed: int, hosting: Hosting) -> None:
    faults = parsed_faults(fault or [])

    def build(seen_by: PulseObserver) -> MagstimEmulator:
        from drivers.magstim.emulator import MagstimEmulator  # noqa: PLC0415 - start-up time
        from drivers.magstim.options import VARIANTS  # noqa: PLC0415

        return MagstimEmulator(replace(VARIANTS[variant], seed=seed), faults, seen_by)

    run(build, None, hosting)
