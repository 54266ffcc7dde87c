"""The command line: names the commands and starts them; what they do is in `commands`.

Heavy imports happen inside the commands, so that `--version` answers at once.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from tms_console import __version__
from tms_console.commands import (
    devices,
    emulate_magstim,
    protocols,
    records,
    rehearse,
    threshold,
    users,
)
from tms_console.secrecy import forbid_core_dumps, private_files

app = typer.Typer(
    name="tms-console",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run TMS sessions and record when each pulse was really given. Not a medical device.",
)
app.add_typer(protocols.app, name="protocols")
app.add_typer(emulate_magstim.app, name="emulate")
app.add_typer(records.app, name="records")
app.add_typer(users.app, name="users")
app.add_typer(threshold.app, name="threshold")
app.command("rehearse")(rehearse.rehearse)
app.command("devices")(devices.devices)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tms-console {__version__}")
        raise typer.Exit


@app.callback()
def console(
    context: typer.Context,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Open the window on a throw-away clinic; nobody is real."),
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Run TMS sessions and record when each pulse was really given. Not a medical device.

    Without a command it opens the window.
    """
    del version
    if context.invoked_subcommand is None:
        from tms_console.commands.window import open_the_window  # noqa: PLC0415 - start-up

        open_the_window(demonstration=demo)
    elif demo:
        raise typer.BadParameter("--demo opens the window and goes with no command")


@app.command("_deliver", hidden=True)
def deliver(
    disarm_first: Annotated[
        tuple[str, str] | None, typer.Option(metavar="DRIVER PORT", hidden=True)
    ] = None,
) -> None:
    """Be the delivering process of a window, on standard input and output."""
    disarmed = ""
    if disarm_first is not None:
        # the first act: what a session needs takes most of a second to import (`make bench`)
        from drivers.registry import disarm_port  # noqa: PLC0415
        from tms_console.clock import RealClock  # noqa: PLC0415

        disarmed = disarm_port(*disarm_first, RealClock())
    gc.disable()  # what is imported stays: a tenth of the time would go into looking at it
    from tms_console.delivery.process import deliver_for_a_window  # noqa: PLC0415 - start-up

    gc.freeze()
    gc.enable()
    deliver_for_a_window(__version__, disarmed)


def foreign_packages() -> list[str]:
    """Return which of our packages would be imported from somewhere else; [] if all is well.

    Their names are generic, and installing another distribution can replace them.
    """
    root = Path(__file__).resolve().parent.parent
    found = ((name, importlib.util.find_spec(name)) for name in ("drivers", "protocols"))
    return [
        name
        for name, spec in found
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != root
    ]


def main() -> None:
    """Run the command line; before anything else nothing of this process may become readable."""
    forbid_core_dumps()
    private_files()
    foreign = foreign_packages()
    if foreign:
        names = " and ".join(foreign)
        sys.stderr.write(
            f"tms-console: the package {names} is not the one that belongs to this program: "
            "another installed distribution replaced it. Reinstall in an environment of its own.\n"
        )
        sys.exit(1)
    app()


if __name__ == "__main__":
    main()
