"""`tms-console rehearse`: one whole session on a simulated stimulator, with a durable record.

It chooses and shows; gate, engine, driver and record are the same as in the window.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from protocols.prescription import SessionContent
    from protocols.protocol import Protocol
    from tms_console.delivery import pipe
    from tms_console.delivery.order import EmulatorOrder, PortOrder, SessionOrder
    from tms_console.records.queries import SessionSummary

DEFAULT_DATABASE = Path("rehearsals.db")


def rehearse(  # noqa: PLR0913, PLR0917 - one parameter per option
    protocol_id: Annotated[str, typer.Argument(metavar="ID", help="One of `protocols list`.")],
    threshold: Annotated[
        int,
        typer.Option(
            min=1, max=100, metavar="N", help="Motor threshold in %MSO, of the protocol's kind."
        ),
    ],
    fast: Annotated[
        bool, typer.Option("--fast", help="Virtual clock: a long session takes seconds.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seeds the simulated stimulator.")] = 0,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Which simulated stimulator.")
    ] = "magpro",
    port: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Use the emulator on this port; it must prove itself."),
    ] = None,
    database: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the record goes.")
    ] = DEFAULT_DATABASE,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME@PULSE", help="What goes wrong at which pulse; repeatable."),
    ] = None,
    pulse_log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The simulated stimulator's own log of its pulses."),
    ] = None,
    witness: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|emulated",
            help="A pulse witness on the trigger output: its port, or `emulated` without --port.",
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="UID", help="Go on from this session, which ended early today."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Rehearse one whole session of a protocol on a simulated stimulator."""
    from rich.console import Console  # noqa: PLC0415 - start-up time

    from drivers.registry import UnknownName  # noqa: PLC0415 - start-up time
    from tms_console.main import rehearsal_order  # noqa: PLC0415 - start-up time
    from tms_console.records.errors import RecordsError  # noqa: PLC0415 - start-up time

    if port is not None and (fast or fault or pulse_log):
        raise typer.BadParameter(
            "--fast, --fault and --pulse-log belong to the simulated stimulator that this command "
            "builds; give them to `tms-console emulate` instead, or leave out --port"
        )
    if witness is not None and (witness == "emulated") is not (port is None):
        raise typer.BadParameter(
            "with --port a witness has a port of its own; without, it can only be `emulated`",
            param_hint="--witness",
        )
    console = Console(stderr=as_json, highlight=False)
    place = _device(device, port, seed, fault or [], pulse_log, fast=fast, witness=witness)
    try:
        protocol, content = _content(protocol_id, threshold)
        order = rehearsal_order(content, database.absolute(), place, resume)
        over = _run(console, content, order, fast=fast)
    except (RecordsError, UnknownName, _Refused) as error:
        _refuse(console, str(error), as_json=as_json)
        raise typer.Exit(1) from error
    for sentence in over.found:
        console.print(f"[yellow]{_escaped(sentence)}[/]")
    if not over.session_uid:
        _refuse(console, over.reason, as_json=as_json)
        raise typer.Exit(1)
    report = _report(protocol, content, database, over)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _show(console, report)
    if report["end_reason"] != "complete" or not over.saved:
        raise typer.Exit(1)


class _Refused(Exception):
    """It cannot be rehearsed; the message says why and what can."""


def _device(  # noqa: PLR0913 - one parameter per option
    name: str,
    port: str | None,
    seed: int,
    faults: list[str],
    pulse_log: Path | None,
    *,
    fast: bool,
    witness: str | None,
) -> EmulatorOrder | PortOrder:
    from drivers.registry import UnknownName, driver_of_emulator  # noqa: PLC0415 - start-up time
    from drivers.simulator.faults import parse_fault  # noqa: PLC0415 - start-up time
    from tms_console.delivery.order import EmulatorOrder, PortOrder  # noqa: PLC0415

    try:
        driver = driver_of_emulator(name)
        for text in faults:
            parse_fault(text)
    except (UnknownName, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    if port is not None:
        return PortOrder(driver=driver, port=port, witness=witness)
    log = None if pulse_log is None else str(pulse_log.absolute())
    return EmulatorOrder(
        name=name,
        seed=seed,
        faults=tuple(faults),
        pulse_log=log,
        virtual=fast,
        witness=witness is not None,
    )


def _content(protocol_id: str, threshold: int) -> tuple[Protocol, SessionContent]:
    """Return the protocol and its rehearsal.

    Raises:
        _Refused: There is no such protocol, or the dose cannot be given.
    """
    import difflib  # noqa: PLC0415 - start-up time

    from protocols.dose import NotDeliverable  # noqa: PLC0415 - start-up time
    from protocols.prescription import rehearsal_content  # noqa: PLC0415 - start-up time
    from protocols.protocol import load_library  # noqa: PLC0415 - start-up time

    library = load_library()
    if protocol_id not in library:
        near = difflib.get_close_matches(protocol_id, library, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise _Refused(
            f"There is no protocol {protocol_id!r}{hint} There are {', '.join(library)}."
        )
    try:
        return library[protocol_id], rehearsal_content(library[protocol_id], threshold)
    except NotDeliverable as error:
        raise _Refused(str(error)) from error


def _run(
    console: Console,
    content: SessionContent,
    order: SessionOrder,
    *,
    fast: bool,
) -> pipe.Over:
    """Settle what was left behind, then run the session under a progress bar."""
    from tms_console.commands.progress import session_progress  # noqa: PLC0415 - start-up time
    from tms_console.main import (  # noqa: PLC0415 - start-up time
        recover_database,
        run_here,
        run_in_own_process,
    )

    recovery = recover_database(Path(order.database))
    for sentence in () if recovery is None else recovery.sentences:
        console.print(f"[yellow]{_escaped(sentence)}[/]")
    with session_progress(console, content) as publish:
        return run_here(order, publish) if fast else run_in_own_process(order, publish)


def _report(
    protocol: Protocol, content: SessionContent, database: Path, over: pipe.Over
) -> dict[str, object]:
    """Return what the command says of the session, from its record."""
    from tms_console.records.database import open_database  # noqa: PLC0415 - start-up time
    from tms_console.records.queries import summarise_session  # noqa: PLC0415 - start-up time

    database = database.absolute()
    summary = summarise_session(open_database(database), over.session_uid)
    return {
        "protocol": protocol.id,
        "simulated": summary.line.simulated,
        "pulses_planned": over.planned_pulses or content.pulses,
        "pulses_delivered": summary.line.delivered,
        "pulses_unknown": summary.line.unknown,
        "pulses_unplanned": summary.line.unplanned,
        "trains": summary.line.trains,
        "duration_planned_s": _planned_s(content, over),
        "duration_s": summary.duration_s,
        "intensity_pct_mso": content.blocks[0].intensity_pct_mso,
        "intensities_pct_mso": list(summary.intensities_pct_mso),
        "state": summary.line.state,
        "end_reason": over.reason,
        "evidence": summary.evidence,
        "lateness_us": _spread(summary, "lateness_us"),
        "spacing_us": _spread(summary, "spacing_us"),
        "database": str(database),
        "session_uid": over.session_uid,
        "saved": over.saved,
    }


def _planned_s(content: SessionContent, over: pipe.Over) -> float:
    planned_ns = over.planned_ns or content.schedule().duration_ns
    return round(planned_ns / 1e9, 6)


def _spread(summary: SessionSummary, name: str) -> dict[str, float] | None:
    spread = summary.lateness_us if name == "lateness_us" else summary.spacing_us
    return None if spread is None else {"p50": spread.p50, "p99": spread.p99, "max": spread.max}


def _show(console: Console, report: dict[str, object]) -> None:
    from rich.table import Table  # noqa: PLC0415 - start-up time

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    whole = report["end_reason"] == "complete"
    colour = "green" if whole else "red"
    table.add_row("Session", f"[bold]{report['protocol']}[/], [black on yellow] SIMULATED [/]")
    table.add_row("Ended", f"[{colour}]{_escaped(str(report['state']))}[/]: "
                  f"{_escaped(str(report['end_reason']))}")  # fmt: skip
    pulses = (
        f"{report['pulses_delivered']} delivered of {report['pulses_planned']} planned, "
        f"{report['pulses_unknown']} unknown, {report['pulses_unplanned']} unplanned, "
        f"{report['trains']} trains"
    )
    table.add_row("Pulses", pulses)
    evidence = report["evidence"]
    if isinstance(evidence, dict):
        table.add_row("Evidence", ", ".join(f"{name} {n}" for name, n in evidence.items()))
    table.add_row("Intensity", f"{report['intensity_pct_mso']} %MSO")
    real_s = report["duration_s"]
    table.add_row(
        "Duration",
        f"{_seconds(report['duration_planned_s'])} planned"
        + (f", {_seconds(real_s)} given" if real_s is not None else ""),
    )
    for title, key, words in (
        ("Lateness", "lateness_us", "host: command after its due time"),
        ("Spacing", "spacing_us", "device: seen against planned, way of the report included"),
    ):
        spread = report[key]
        if isinstance(spread, dict):
            numbers = ", ".join(f"{name} {value:.0f}" for name, value in spread.items())
            table.add_row(title, f"{numbers} µs  [dim]({words})[/]")
    table.add_row("Record", _escaped(str(report["database"])))
    table.add_row("Session uid", str(report["session_uid"]))
    console.print(table)
    if not report["saved"]:
        console.print(
            "[red]Not everything of this session is in the database; the next start settles it.[/]"
        )


def _seconds(value: object) -> str:
    return f"{value:.2f} s" if isinstance(value, float) else str(value)


def _refuse(console: Console, sentence: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"refused": sentence}, indent=2))
    else:
        console.print(f"[red]Refused:[/] {_escaped(sentence)}")


def _escaped(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 - start-up time

    return escape(text)
