"""A new folder or ZIP archive of an export: files with their digests, there whole or not at all.

What is in the files, and who may have them, is not known here.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tms_console.records.errors import RecordsError
from tms_console.records.heads import sync_folder
from tms_console.records.private_files import (
    begin_private,
    drop,
    name_new,
    private_folder,
    write_private,
)
from tms_console.records.values import new_uid

MANIFEST = "manifest.sha256"
"""One line for each file, as `sha256sum --check` takes them."""


class ExportFailed(RecordsError):
    """The export is not there: the target is taken, or the disk failed."""


class ExportFolder:
    """An export while it is made; used as a context manager, which removes what is unfinished."""

    def __init__(self, target: Path) -> None:
        """Begin beside the target.

        Raises:
            ExportFailed: Something has the target's name, or nothing can be made there.
        """
        self.target = target
        self._digests: dict[str, str] = {}
        self._work = target.with_name(f".{target.name}.{new_uid()}.new")
        if target.exists():
            raise ExportFailed(f"{target} is there already: name a new file or folder.")
        try:
            private_folder(target.parent)
            self._work.mkdir(mode=0o700)
        except OSError as error:
            raise _failed(target, error) from error

    @property
    def files(self) -> int:
        """How many files there are, the manifest not counted."""
        return len(self._digests)

    def add(self, name: str, content: bytes) -> None:
        """Add a file under a path inside the export.

        Raises:
            ExportFailed: The path leads elsewhere, as an edited uid may; or the disk failed.
        """
        if not _SAFE.fullmatch(name) or ".." in name:
            raise ExportFailed(
                f"{self.target}: nothing was exported: {name!r} is no name of a file."
            )
        try:
            path = self._work / name
            private_folder(path.parent)
            write_private(path, content)
        except OSError as error:
            raise _failed(self.target, error) from error
        self._digests[name] = hashlib.sha256(content).hexdigest()

    def seal(self) -> str:
        """Add the manifest; return its own SHA-256, which stands for the whole export.

        Raises:
            ExportFailed: The disk failed.
        """
        text = "".join(f"{digest}  {name}\n" for name, digest in sorted(self._digests.items()))
        content = text.encode()
        try:
            write_private(self._work / MANIFEST, content)
        except OSError as error:
            raise _failed(self.target, error) from error
        return hashlib.sha256(content).hexdigest()

    def publish(self) -> None:
        """Give the export its name: a ZIP archive if that ends in `.zip`, otherwise a folder.

        Raises:
            ExportFailed: Something has that name by now, or the disk failed.
        """
        try:
            if self.target.suffix.casefold() == ".zip":
                self._publish_archive()
            else:
                self._work.rename(self.target)
                sync_folder(self.target.parent)
        except OSError as error:
            raise _failed(self.target, error) from error

    def _publish_archive(self) -> None:
        fresh = begin_private(self.target)
        try:
            with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(self._work.rglob("*")):
                    if path.is_file():
                        inside = path.relative_to(self._work).as_posix()
                        archive.write(path, f"{self.target.stem}/{inside}")
            name_new(fresh, self.target)
        finally:
            drop(fresh)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what is unfinished; a published folder has its own name by then."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self._work)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return RFC 4180 text in UTF-8 with a heading; a value that nobody knows stays empty.

    A text that a spreadsheet would run as a formula gets an apostrophe in front, and so does one
    that begins with an apostrophe: without its first apostrophe each is as it was typed.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def json_bytes(values: Mapping[str, object]) -> bytes:
    """Return indented JSON in UTF-8."""
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


_SAFE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)?[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""A file, or a file in one folder, whichever system unpacks it."""


def _failed(target: Path, error: OSError) -> ExportFailed:
    return ExportFailed(f"{target}: nothing was exported: {error.strerror or error}")
