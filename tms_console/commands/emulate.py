"""`tms-console emulate`: an emulated stimulator behind a pseudo-terminal or a loopback socket.

Any client may talk to it, not only this program; what it does is in `drivers`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, cast

import typer

if TYPE_CHECKING:
    from types import FrameType

    from rich.live import Live

    from drivers.magpro.emulator import MagProEmulator
    from drivers.magpro.options import Options
    from drivers.magstim.emulator import MagstimEmulator
    from drivers.simulator.device import EmulatedDevice, PulseObserver
    from drivers.simulator.faults import Fault
    from drivers.simulator.hosting import Host
    from drivers.simulator.patient import PatientUnderCoil
    from drivers.simulator.proof import Words

    Emulated = MagProEmulator | MagstimEmulator

app = typer.Typer(help="Run an emulated stimulator for any client.", no_args_is_help=True)

LOCAL_HOSTS = ("localhost", "127.0.0.1")
MAX_PORT = 65_535


@app.callback()
def emulate() -> None:
    """Run an emulated stimulator for any client."""


@app.command()
def magpro(  # noqa: PLR0913, PLR0917 - one parameter per option
    link: Annotated[
        Path | None, typer.Option(help="Make this link to the pseudo-terminal.", metavar="PATH")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(help="Listen on a loopback port instead.", metavar="localhost:PORT"),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong at which pulse; may be repeated.", metavar="NAME@PULSE"),
    ] = None,
    model: Annotated[str, typer.Option(help="Model, such as x100 or r30-option.")] = "x100",
    coil: Annotated[int, typer.Option(help="Type number of the coil, 0 for none.")] = 72,
    serial: Annotated[int, typer.Option(help="Serial number.")] = 1234,
    seed: Annotated[int, typer.Option(help="Seeds latencies and jitter.")] = 0,
    pulse_log: Annotated[
        Path | None, typer.Option(help="Append every pulse to this file.", metavar="FILE")
    ] = None,
    burst_reports: Annotated[
        str, typer.Option(help="Reports per burst: pulse or burst.")
    ] = "pulse",
    counter: Annotated[
        str, typer.Option(help="What its counter counts: pulses, bursts or none.")
    ] = "pulses",
    clock_ppm: Annotated[
        int, typer.Option(help="How much slower its train clock runs, parts per million.")
    ] = 0,
    witness_link: Annotated[
        Path | None,
        typer.Option(help="A pulse witness on its trigger output, at this link.", metavar="PATH"),
    ] = None,
    panel: Annotated[
        bool, typer.Option("--panel", help="Do on its panel what standard input says.")
    ] = False,
    patient: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="SEED",
            help="Put a virtual patient under the coil; the control socket says what moved.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Lines of JSON.")] = False,
) -> None:
    """Run an emulated MagVenture MagPro until Ctrl-C or a termination signal."""
    options = _options(model, coil, serial, seed, burst_reports, counter, clock_ppm)
    faults = parsed_faults(fault or [])

    def build(seen_by: PulseObserver) -> MagProEmulator:
        from drivers.magpro.emulator import MagProEmulator  # noqa: PLC0415 - start-up time

        return MagProEmulator(options, faults, seen_by)

    def obey(host: Host, device: Emulated) -> None:
        if panel:
            _obey_standard_input(host, cast("MagProEmulator", device))

    run(build, obey, Hosting(link, listen, pulse_log, witness_link, patient, as_json))


@dataclass(frozen=True, slots=True)
class Hosting:
    """Where an emulated stimulator is, and what is around it.

    Attributes:
        link: Where to put the link to its pseudo-terminal, None for a temporary place.
        listen: `localhost:PORT` instead of a pseudo-terminal.
        pulse_log: Gets every pulse.
        witness_link: Where to put the link to a pulse witness on its trigger output, None for none.
        patient: Seed of the virtual patient under its coil, None for none.
        as_json: Say everything as lines of JSON.
    """

    link: Path | None
    listen: str | None
    pulse_log: Path | None
    witness_link: Path | None
    patient: int | None
    as_json: bool


def run(
    build: Callable[[PulseObserver], Emulated],
    obey: Callable[[Host, Emulated], None] | None,
    hosting: Hosting,
) -> None:
    """Run what `build` makes until Ctrl-C or a termination signal.

    Args:
        build: Makes the emulator with who sees its pulses.
        obey: Called with the host and the emulator before it runs.
        hosting: Where it is, and what is around it.

    Raises:
        typer.BadParameter: The options contradict each other.
        typer.Exit: It cannot be made or hosted.
    """
    if hosting.link is not None and hosting.listen is not None:
        raise typer.BadParameter("--link and --listen exclude each other")
    number = None if hosting.listen is None else _loopback_port(hosting.listen)
    from drivers.errors import NotConnected  # noqa: PLC0415 - start-up time

    with ExitStack() as cleanup:
        try:
            under = _patient(hosting.patient)
            device = build(_observers(cleanup, hosting.pulse_log, under))
            host = _host(cleanup, device, hosting, number, under)
        except (NotConnected, OSError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        voice = cleanup.enter_context(_voice(device, as_json=hosting.as_json))
        cleanup.enter_context(_ended_by_signals(host))
        voice.began(host)
        if obey is not None:
            obey(host, device)
        host.serve(when_idle=voice.look)
        voice.ended()


def _options(  # noqa: PLR0913, PLR0917 - one parameter per option
    model: str,
    coil: int,
    serial: int,
    seed: int,
    burst_reports: str,
    counter: str,
    clock_ppm: int,
) -> Options:
    from drivers.magpro.options import BurstReports, CounterUnit, Options  # noqa: PLC0415
    from drivers.magpro.variants import COILS, VARIANTS  # noqa: PLC0415

    if model not in VARIANTS:
        raise typer.BadParameter(f"there is no model {model!r}; there are {', '.join(VARIANTS)}")
    if coil and coil not in COILS:
        known = ", ".join(f"{number} {known.name}" for number, known in COILS.items())
        raise typer.BadParameter(f"there is no coil type {coil}; there are 0 (none), {known}")
    try:
        return Options(
            variant=VARIANTS[model],
            coil=COILS.get(coil),
            serial=serial,
            seed=seed,
            burst_reports=BurstReports(burst_reports),
            counter=CounterUnit(counter),
            clock_ppm=clock_ppm,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def parsed_faults(words: list[str]) -> list[Fault]:
    """Return the faults that the words name.

    Raises:
        typer.BadParameter: There is no such fault.
    """
    from drivers.simulator.faults import parse_fault  # noqa: PLC0415 - start-up time

    try:
        return [parse_fault(word) for word in words]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _loopback_port(address: str) -> int:
    host, _, number = address.rpartition(":")
    if host not in LOCAL_HOSTS:
        raise typer.BadParameter(
            f"--listen {address}: an emulated stimulator listens on localhost:PORT only"
        )
    if not (number.isascii() and number.isdigit() and int(number) < MAX_PORT):
        raise typer.BadParameter(f"--listen {address}: a port is 0 to {MAX_PORT - 1}")
    return int(number)


def _observers(
    cleanup: ExitStack, pulse_log: Path | None, under: PatientUnderCoil | None
) -> PulseObserver:
    from time import monotonic_ns  # noqa: PLC0415 - start-up time

    from drivers.simulator.device import Observers  # noqa: PLC0415
    from drivers.simulator.pulse_log import PulseLog  # noqa: PLC0415

    seen_by: list[PulseObserver] = [] if under is None else [under]
    if pulse_log is not None:
        log = PulseLog(pulse_log, monotonic_ns)
        cleanup.callback(log.close)
        seen_by.insert(0, log)
    return Observers(*seen_by)


def _patient(seed: int | None) -> PatientUnderCoil | None:
    if seed is None:
        return None
    from drivers.simulator.patient import PatientUnderCoil, VirtualPatient  # noqa: PLC0415

    try:
        return PatientUnderCoil(VirtualPatient(seed))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _host(
    cleanup: ExitStack,
    device: EmulatedDevice,
    hosting: Hosting,
    port: int | None,
    under: PatientUnderCoil | None,
) -> Host:
    """Host it, with the pulse witness on its trigger output if there is one."""
    from drivers.simulator.hosting import PtyPort  # noqa: PLC0415 - start-up time
    from drivers.witness.emulator import Wired, WitnessEmulator  # noqa: PLC0415

    if hosting.witness_link is None:
        return _host_alone(cleanup, device, hosting.link, port, under)
    wired = Wired(device, WitnessEmulator())
    host = _host_alone(cleanup, wired.stimulator_end, hosting.link, port, under)
    host.add(wired.witness_end, PtyPort(hosting.witness_link))
    return host


def _host_alone(
    cleanup: ExitStack,
    device: EmulatedDevice,
    link: Path | None,
    port: int | None,
    under: PatientUnderCoil | None,
) -> Host:
    from drivers.simulator.hosting import Host, PtyPort, listen  # noqa: PLC0415 - start-up time

    words: Words | None = None
    if under is not None:
        from drivers.simulator.patient_words import words_of  # noqa: PLC0415 - start-up time

        words = words_of(under)
    if port is not None:
        return cleanup.enter_context(listen(device, port, words))
    if link is None:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tms-console-"))
        link = Path(folder) / "stimulator"
    return cleanup.enter_context(Host(device, PtyPort(link), words))


@contextmanager
def _ended_by_signals(host: Host) -> Iterator[None]:
    """Stop the host on Ctrl-C and on termination, so that link and control socket are removed."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        host.stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP"):
        numbers.append(signal.SIGHUP)
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _obey_standard_input(host: Host, device: MagProEmulator) -> None:
    from drivers.magpro.panel_words import action_of  # noqa: PLC0415 - start-up time

    descriptor = sys.stdin.fileno()
    heard = bytearray()

    def obey() -> None:
        part = os.read(descriptor, 4096)
        if not part:
            host.unwatch(descriptor)
        heard.extend(part)
        *lines, rest = bytes(heard).split(b"\n")
        heard[:] = rest
        for line in lines:
            try:
                action_of(device, line.decode(errors="replace"))()
            except ValueError as error:
                typer.echo(str(error), err=True)

    host.watch(descriptor, obey)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the emulator's state line shows."""

    state: str
    intensity_pct_mso: int
    page: str
    running: bool
    coil: str
    temperature_c: int
    pulses_fired: int

    @property
    def sentence(self) -> str:
        """It as one line."""
        running = ", train running" if self.running else ""
        heat = f" {self.temperature_c} °C" if self.temperature_c else ""
        page = f", page {self.page}" if self.page else ""
        return (
            f"{self.state}{running}, {self.intensity_pct_mso} %MSO{page}, coil {self.coil}{heat}, "
            f"{self.pulses_fired} pulses"
        )


def snapshot(device: Emulated) -> Snapshot:
    """Return the emulator's state in words."""
    from drivers.magpro.replies import coil_name  # noqa: PLC0415 - start-up time
    from drivers.magpro.tables import Page  # noqa: PLC0415
    from drivers.magstim.emulator import MagstimEmulator  # noqa: PLC0415

    if isinstance(device, MagstimEmulator):
        return _magstim_snapshot(device)
    now = device.state()
    state = "enabled" if now.status.info.enabled else "disabled"
    if device.unplugged:
        state = f"unplugged, {state}"
    elif device.hung:
        state = f"hung, {state}"
    return Snapshot(
        state,
        now.status.a_pct_mso,
        Page(now.page).name.capitalize(),
        now.running,
        coil_name(now.status.coil_type) if now.status.coil_type else "none",
        now.status.temperature_c,
        device.pulses_fired,
    )


def _magstim_snapshot(device: MagstimEmulator) -> Snapshot:
    now = device.state()
    state = "ready" if now.ready else "armed" if now.armed else "standby"
    state += ", remote control" if now.remote else ", no remote control"
    if device.damage:
        state += f", RULES BROKEN {len(device.damage)} times ({device.damage[-1].sentence})"
    if device.unplugged:
        state = f"unplugged, {state}"
    elif device.hung:
        state = f"hung, {state}"
    return Snapshot(
        state,
        now.power_pct_mso,
        "",
        now.running,
        "connected" if now.has_coil else "none",
        int(now.coil_temperature_c) if now.has_coil else 0,
        device.pulses_fired,
    )


class Voice(Protocol):
    """Tells a person or a script what the emulator does."""

    def began(self, host: Host) -> None:
        """Say where it is."""
        ...

    def look(self) -> None:
        """Say what it does now, if that is news."""
        ...

    def ended(self) -> None:
        """Say what it did."""
        ...


def _where(host: Host, device: Emulated) -> dict[str, str]:
    from drivers.simulator.hosting import PtyPort  # noqa: PLC0415 - start-up time

    terminal = {"terminal": host.port.terminal} if isinstance(host.port, PtyPort) else {}
    return {
        "model": device.model,
        "serial": device.serial,
        "port": host.port.name,
        **terminal,
        "control": str(host.control.address),
    }


def _unit_words(where: Mapping[str, str]) -> str:
    number = f", serial number {where['serial']}" if where["serial"] else ""
    return f"{where['model']}{number}"


class LineVoice:
    """One line per piece of news, plain or JSON; silent once nobody reads them."""

    def __init__(self, device: Emulated, *, as_json: bool) -> None:
        self._device = device
        self._as_json = as_json
        self._last: Snapshot | None = None
        self._heard = True

    def began(self, host: Host) -> None:
        """Say where it is, at once."""
        where = _where(host, self._device)
        self._say(
            f"emulated {_unit_words(where)}, on {where['port']}",
            {"event": "listening", **where},
        )

    def look(self) -> None:
        """Say what it does now, if that has changed."""
        now = snapshot(self._device)
        if now != self._last:
            self._last = now
            self._say(now.sentence, {"event": "state", **_as_row(now)})

    def ended(self) -> None:
        """Say how many pulses it fired."""
        fired = self._device.pulses_fired
        self._say(f"ended after {fired} pulses", {"event": "ended", "pulses_fired": fired})

    def _say(self, sentence: str, row: Mapping[str, str | int]) -> None:
        if not self._heard:
            return
        try:
            typer.echo(json.dumps(row) if self._as_json else sentence)
        except BrokenPipeError:
            self._heard = False
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


def _as_row(now: Snapshot) -> dict[str, str | int]:
    return {name: getattr(now, name) for name in Snapshot.__slots__}


class LiveVoice:
    """One line on a terminal that changes in place."""

    def __init__(self, device: Emulated, live: Live) -> None:
        self._device = device
        self._live = live

    def began(self, host: Host) -> None:
        """Say where it is, above the line."""
        where = _where(host, self._device)
        about = f"Emulated {_unit_words(where)}: no stimulator."
        self._live.console.print(about, highlight=False, markup=False)
        self._live.console.print(f"Port {where['port']}", highlight=False, markup=False)

    def look(self) -> None:
        """Show what it does now."""
        from rich.text import Text  # noqa: PLC0415 - start-up time

        self._live.update(Text(snapshot(self._device).sentence), refresh=True)

    def ended(self) -> None:
        """Show what it did."""
        self.look()


@contextmanager
def _voice(device: Emulated, *, as_json: bool) -> Iterator[Voice]:
    if as_json or not sys.stdout.isatty():
        yield LineVoice(device, as_json=as_json)
        return
    from rich.console import Console  # noqa: PLC0415 - start-up time
    from rich.live import Live  # noqa: PLC0415

    with Live(console=Console(), auto_refresh=False) as live:
        yield LiveVoice(device, live)
