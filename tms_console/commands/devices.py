"""`tms-console devices`: the ports of this machine and what answers on them, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from drivers.probing import ProbeReport


def devices(
    port: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Also look at this port; repeatable."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Also every step and the bytes that came.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """List the ports, one row each with what answers: asks and disarms, never stimulates."""
    from rich.console import Console  # noqa: PLC0415 - start-up time

    from drivers.probing import probe  # noqa: PLC0415 - start-up time
    from drivers.serial_link import available_ports  # noqa: PLC0415 - start-up time
    from tms_console.clock import RealClock  # noqa: PLC0415 - start-up time

    listed = {one.path: one.description for one in available_ports()}
    named = dict.fromkeys(port or [], "named by you")
    ports = {**named, **listed}
    console = Console(highlight=False)
    reports = []
    for path, description in _with_progress(console, ports, shown=not as_json):
        report = probe(path, RealClock())
        reports.append(report)
        if not as_json:
            _show(console, report, description, details=details)
    if as_json:
        typer.echo(json.dumps([_values(report) for report in reports], indent=2))
    elif not ports:
        console.print(
            "No serial port is listed on this machine. A pseudo-terminal is never listed: name it "
            "with --port PATH."
        )
    unknown = [one for one in reports if one.identity is None and not one.witness]
    if port and any(one.path in port for one in unknown):
        raise typer.Exit(1)


def _with_progress(
    console: Console, ports: dict[str, str], *, shown: bool
) -> Iterator[tuple[str, str]]:
    """Give the ports one by one; on a terminal with a bar and the time left."""
    if not shown or not console.is_terminal or len(ports) < 2:  # noqa: PLR2004 - nothing to count
        yield from ports.items()
        return
    from rich.progress import (  # noqa: PLC0415 - start-up time
        BarColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=len(ports))
        for path, description in ports.items():
            bar.update(task, description=f"looking at {path}")
            yield path, description
            bar.advance(task)


def _show(console: Console, report: ProbeReport, description: str, *, details: bool) -> None:
    from rich.markup import escape  # noqa: PLC0415 - start-up time

    word, colour = ("found", "green") if report.ready or report.witness else ("failed", "red")
    if report.identity is not None and not report.ready:
        word, colour = "not ready", "yellow"
    console.print(
        f"[bold]{escape(report.path)}[/]  [dim]{escape(description)}[/]  [{colour}]{word}[/]: "
        f"{escape(report.verdict)}"
    )
    if report.identity is None and not report.witness:
        console.print(f"    bytes received: {_bytes(report.raw)}", highlight=False)
    if not details:
        return
    for step in report.steps:
        mark, colour = ("ok", "green") if step.passed else ("failed", "red")
        console.print(f"  [{colour}]{mark:>6}[/]  {escape(step.name)}: {escape(step.sentence)}")
        if step.raw:
            console.print(f"          bytes received: {_bytes(step.raw)}")


def _bytes(raw: bytes) -> str:
    return raw[:64].hex(" ").upper() or "none"


def _values(report: ProbeReport) -> dict[str, object]:
    identity = report.identity
    return {
        "port": report.path,
        "driver": report.driver,
        "witness": report.witness,
        "verdict": report.verdict,
        "model": "" if identity is None else identity.model,
        "serial": "" if identity is None else identity.serial,
        "coil": report.coil,
        "problem": report.problem,
        "steps": [
            {
                "name": one.name,
                "passed": one.passed,
                "sentence": one.sentence,
                "raw": one.raw.hex(),
            }
            for one in report.steps
        ],
        "raw": report.raw.hex(),
    }
