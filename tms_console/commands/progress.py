"""The progress bar of a session in a terminal: pulses, train, time left, SIMULATED."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tms_console.main import Throttle

if TYPE_CHECKING:
    from rich.console import Console

    from protocols.prescription import SessionContent
    from tms_console.delivery.snapshot import Snapshot

REDRAWN_EVERY_S = 0.1
LINE_EVERY_S = 10.0
"""How often a line is written where there is no terminal to draw on."""


@contextmanager
def session_progress(
    console: Console, content: SessionContent
) -> Iterator[Callable[[Snapshot], None]]:
    """Show a bar while a session runs; lines now and then where the output is no terminal."""
    console.print(f"[black on yellow] SIMULATED [/] {content.title}: {content.pulses} pulses")
    if not console.is_terminal:
        yield Throttle(lambda snapshot: console.print(_line(snapshot)), LINE_EVERY_S)
        return
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - start-up time

    columns = (
        TextColumn("[black on yellow] SIM [/]"),
        TextColumn("{task.fields[word]:<10}", style="cyan"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:>4.0f}/{task.total:.0f} pulses"),
        TextColumn("train {task.fields[train]}"),
        TextColumn("[bold]{task.fields[left]}[/] left"),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=10) as bar:
        task = bar.add_task("session", total=content.pulses, word="checking", train="-", left="-")

        def show(snapshot: Snapshot) -> None:
            bar.update(
                task,
                completed=snapshot.delivered + snapshot.unknown,
                word=snapshot.state,
                train=f"{snapshot.train}/{snapshot.trains}",
                left=_left(snapshot),
            )

        yield Throttle(show, REDRAWN_EVERY_S)


def _left(snapshot: Snapshot) -> str:
    minutes, seconds = divmod(max(0, snapshot.ends_ns - snapshot.at_ns) // 1_000_000_000, 60)
    return f"{minutes}:{seconds:02d}"


def _line(snapshot: Snapshot) -> str:
    return (
        f"{snapshot.state}: {snapshot.delivered} of {snapshot.planned} pulses, train "
        f"{snapshot.train} of {snapshot.trains}, {_left(snapshot)} left"
        + (f". {snapshot.waits_for}" if snapshot.waits_for else "")
    )
