"""Makes pictures of every page and state of the window, in both themes and three sizes.

`make screenshots`, or for some of them `python -m tests.screenshots --only treat- records`.  They
come into a folder that git ignores; the clinic is the demonstration's, made once and copied for
every size and theme, because sessions are given in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

OUT = Path("out/screenshots")
DEMO = "demo"


@dataclass(frozen=True)
class Look:
    """Width and height in logical pixels, scale and theme."""

    width: int
    height: int
    scale: int
    theme: str

    def __str__(self) -> str:
        return f"{self.theme}-{self.width}x{self.height}@{self.scale}"


LOOKS = (
    Look(1280, 720, 1, "dark"),
    Look(1280, 720, 1, "light"),
    Look(1440, 900, 1, "dark"),
    Look(1280, 720, 2, "light"),
)


def make(only: tuple[str, ...], looks: tuple[Look, ...], kept: Path | None) -> None:
    """Make the demonstration, and the pictures of every look in a process of its own.

    Args:
        only: Beginnings of the names of the pictures that are wanted; all if empty.
        looks: Which.
        kept: A folder in which the demonstration is looked for and kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = kept or Path(folder) / "first"
        if not (first / DEMO).is_dir():
            _run(first, "--demonstration")
        for number, look in enumerate(looks):
            there = Path(folder) / str(number)
            shutil.copytree(first, there)
            size = (str(look.width), str(look.height), str(look.scale))
            _run(there, "--look", *size, look.theme, "--only", *only, scale=look.scale)


def _run(folder: Path, *arguments: str, scale: int = 1) -> None:
    """Run this again where its console keeps everything in one folder."""
    environment = os.environ | {
        "QT_SCALE_FACTOR": str(scale),
        "TMS_CONSOLE_CONFIG": str(folder / "config"),
        "TMS_CONSOLE_STATE": str(folder / "state"),
    }
    told = [sys.executable, "-m", "tests.screenshots", "--folder", str(folder), *arguments]
    subprocess.run(told, env=environment, check=True)


def main() -> None:
    """Make them."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    asked = argparse.ArgumentParser()
    asked.add_argument("--only", nargs="*", default=())
    asked.add_argument("--looks", nargs="*", default=[str(one) for one in LOOKS])
    asked.add_argument("--kept", type=Path, help="keep the demonstration here for the next time")
    asked.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--demonstration", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("--look", nargs=4, help=argparse.SUPPRESS)
    told = asked.parse_args()
    if told.demonstration:
        from tms_console.demonstration import make_demonstration  # noqa: PLC0415 - costs a second

        (told.folder / DEMO).mkdir(parents=True)
        make_demonstration(told.folder / DEMO / "demo.db")
    elif told.look:
        from tests.scenes import take  # noqa: PLC0415 - Qt after the environment

        width, height, scale, theme = told.look
        look = Look(int(width), int(height), int(scale), theme)
        take(told.folder / DEMO / "demo.db", look, tuple(told.only), OUT)
    else:
        looks = tuple(one for one in LOOKS if str(one) in told.looks)
        make(tuple(told.only), looks, told.kept)


if __name__ == "__main__":
    main()
