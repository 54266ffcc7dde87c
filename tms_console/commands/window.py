"""Opens the window, or says in one sentence why that cannot be."""

from __future__ import annotations

import typer


def open_the_window(*, demonstration: bool) -> None:
    """Open the window on the clinic's database, or on a demonstration; exits with its status.

    Args:
        demonstration: A throw-away clinic in place of the real one.
    """
    from tms_console.ui.display import why_no_window  # noqa: PLC0415 - start-up

    if why := why_no_window():
        _refuse(f"{why} Everything but the window works: tms-console --help.")
    from tms_console.accounts.errors import AccountsError  # noqa: PLC0415 - start-up
    from tms_console.commands.users import default_database  # noqa: PLC0415
    from tms_console.opening import open_demonstration, open_window  # noqa: PLC0415
    from tms_console.records.errors import RecordsError  # noqa: PLC0415

    try:
        if demonstration:
            status = open_demonstration()
        else:
            path = default_database()
            if not path.exists():
                _refuse(
                    f"There is no clinic on this computer yet ({path}). An administrator makes it "
                    "with tms-console users add; tms-console --demo shows the program."
                )
            status = open_window(path)
    except (AccountsError, RecordsError, PermissionError) as error:
        _refuse(f"The window cannot be opened: {error}")
    raise typer.Exit(status)


def _refuse(sentence: str) -> None:
    typer.echo(f"tms-console: {sentence}", err=True)
    raise typer.Exit(1)
