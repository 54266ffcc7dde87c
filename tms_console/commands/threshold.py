"""`tms-console threshold simulate`: a method of finding thresholds, tried on virtual subjects.

It chooses and shows; the methods are in `protocols.threshold`, the subjects in `drivers.simulator`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from drivers.simulator.threshold_trials import Summary, Trial

app = typer.Typer(help="Methods of finding a motor threshold.", no_args_is_help=True)

LONGEST_SERIES = 300
"""Most stimuli for a subject where --stimuli does not say; 5 of 10 may need more than a hundred."""
MOST_SUBJECTS = 1_000_000
FIELDS = (
    "The JSON has: simulated, method, spread, subjects, seed, wrong, prior, stimuli (null: by the "
    "method's own rule), stop_half_width_pct (null: none), not_found, error_median_pct, "
    "error_p95_pct, error_p99_pct, bias_pct, stimuli_mean, stimuli_p95, coverage_pct, "
    "half_width_pct, threshold_mean_pct_mso, threshold_sd_pct_mso, threshold_p5_pct_mso, "
    "threshold_p50_pct_mso, threshold_p95_pct_mso; or, with exit status 1, only refused. Errors "
    "are absolute and in % of the true threshold, of acceptable estimates; coverage_pct says how "
    "often the truth lay in the 95 % interval; bias_pct has its sign."
)


class PriorChoice(StrEnum):
    """What is known of a subject beforehand."""

    NONE = "none"
    LAST = "last"


@app.callback()
def threshold() -> None:
    """Methods of finding a motor threshold."""


@app.command(epilog=FIELDS)
def simulate(  # noqa: PLR0913, PLR0917 - one parameter per option
    method: Annotated[
        str, typer.Option(metavar="NAME", help="bayes, bayes-fixed, ml-pest, samt, 5-of-10, ...")
    ] = "bayes",
    spread: Annotated[
        str, typer.Option(metavar="narrow|wide", help="Which published spread of the noises.")
    ] = "narrow",
    subjects: Annotated[
        int, typer.Option(min=1, max=MOST_SUBJECTS, metavar="N", help="Virtual subjects.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is random.")] = 1,
    wrong: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="P", help="Probability of a mistaken answer.")
    ] = 0.0,
    prior: Annotated[
        PriorChoice,
        typer.Option(help="last: the last threshold is known; the true one changed by 5 % (SD)."),
    ] = PriorChoice.NONE,
    stimuli: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, metavar="N", help="So many each, whatever is known; no stop rule."
        ),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            max=50,
            metavar="PERCENT",
            help="Stop when half the 95 % interval is at most this part of the estimate.",
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, metavar="N", help="Default: one for each core.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Try a method on virtual subjects: error, stimuli, and how often the interval is right."""
    if stimuli is not None and stop is not None:
        raise typer.BadParameter("--stimuli and --stop exclude each other")
    trial = _trial(method, spread, subjects, seed, wrong, prior, stimuli, stop)
    from rich.console import Console  # noqa: PLC0415 - start-up time

    from drivers.simulator.threshold_trials import GROUP, shared_by, summarise  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    shared = min(processes or _cores(), -(-subjects // GROUP))
    try:
        with _progress(console, subjects) as advance, shared_by(shared) as mapper:
            summary = summarise(trial, mapper, advance)
    except ValueError as error:
        console.print(str(error), markup=False)
        if as_json:
            typer.echo(json.dumps({"refused": str(error)}))
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(_report(trial, prior, summary), indent=2))
    else:
        _show(trial, summary)


def _trial(  # noqa: PLR0913, PLR0917 - one parameter per option
    method: str,
    spread: str,
    subjects: int,
    seed: int,
    wrong: float,
    prior: PriorChoice,
    stimuli: int | None,
    stop: float | None,
) -> Trial:
    from drivers.simulator.mep import Spread  # noqa: PLC0415 - start-up time
    from drivers.simulator.threshold_trials import Trial  # noqa: PLC0415
    from protocols.threshold import MethodName, Settings  # noqa: PLC0415

    for name, word, words in (("method", method, MethodName), ("spread", spread, Spread)):
        if word not in set(words):
            raise typer.BadParameter(f"there is no {name} {word!r}; there are {', '.join(words)}")
    usual = Settings().stop_half_width_per_mille
    asked = usual if stop is None else round(10 * stop)
    return Trial(
        settings=Settings(
            method=MethodName(method),
            stop_half_width_per_mille=None if stimuli is not None else asked,
            most_stimuli=LONGEST_SERIES if stimuli is None else stimuli,
        ),
        spread=Spread(spread),
        subjects=subjects,
        seed=seed,
        wrong=wrong,
        last_as_prior=prior is PriorChoice.LAST,
    )


def _cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _progress(console: Console, subjects: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, nothing elsewhere."""
    from rich.progress import (  # noqa: PLC0415 - start-up time
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[black on yellow] SIMULATED [/]"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("subjects"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("subjects", total=subjects)
        yield lambda more: bar.advance(task, more)


def _report(trial: Trial, prior: PriorChoice, summary: Summary) -> dict[str, object]:
    settings = trial.settings
    half_width = settings.stop_half_width_per_mille
    return {
        "simulated": True,
        "method": settings.method.value,
        "spread": trial.spread.value,
        "seed": trial.seed,
        "wrong": trial.wrong,
        "prior": prior.value,
        "stimuli": settings.most_stimuli if half_width is None else None,
        "stop_half_width_pct": None if half_width is None else half_width / 10,
        **{
            name: value if isinstance(value, int) else round(value, 3)
            for name, value in asdict(summary).items()
        },
    }


def _show(trial: Trial, summary: Summary) -> None:
    from rich.console import Console  # noqa: PLC0415 - start-up time
    from rich.table import Table  # noqa: PLC0415

    from protocols.threshold import METHODS  # noqa: PLC0415

    table = Table(show_header=False, box=None, pad_edge=False)
    for what, value in (
        ("error, median", f"{summary.error_median_pct:.2f} %"),
        ("error, 95th percentile", f"{summary.error_p95_pct:.2f} %"),
        ("error, 99th percentile", f"{summary.error_p99_pct:.2f} %"),
        ("mean error with its sign", f"{summary.bias_pct:+.2f} %"),
        ("stimuli, mean", f"{summary.stimuli_mean:.1f}"),
        ("stimuli, 95th percentile", f"{summary.stimuli_p95:.0f}"),
        ("truth in the 95 % interval", f"{summary.coverage_pct:.1f} %"),
        ("half the interval, mean", f"{summary.half_width_pct:.2f} %"),
        ("no acceptable threshold", f"{summary.not_found} of {summary.subjects}"),
        (
            "true thresholds",
            f"{summary.threshold_mean_pct_mso:.1f} ± {summary.threshold_sd_pct_mso:.1f} %MSO",
        ),
    ):
        table.add_row(what, value)
    console = Console(highlight=False)
    console.print(
        f"[black on yellow] SIMULATED [/] {METHODS[trial.settings.method].title}, "
        f"{summary.subjects} virtual subjects, {trial.spread} spread, seed {trial.seed}"
    )
    console.print(table)
