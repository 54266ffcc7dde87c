"""Says on which line of a TOML text each value stands, which tomllib does not tell.

It reads only text that tomllib has accepted, so it checks nothing and keeps no values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and, in lists, positions from 0: `("blocks", 0, "pct_mt")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_VALUE = re.compile(r"[^,\]}#\n\r]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'  # up to two quotes may precede the closing three
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def key_lines(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, on which each table, key and list item of a TOML text begins.

    Args:
        text: A text that `tomllib.loads` accepts.
    """
    return _Scan(text).lines()


class _Scan:
    """One walk over the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._items: dict[Path, int] = {}  # how many tables each [[list]] has so far

    def lines(self) -> Mapping[Path, int]:
        table: Path = ()
        while not self._skip_blank():
            if self._text.startswith("[[", self._at):
                table = self._header("[[")
            elif self._text[self._at] == "[":
                table = self._header("[")
            else:
                self._pair(table)
        return self._lines

    def _skip_blank(self) -> bool:
        """Skip spaces, line ends and comments; return True at the end of the text."""
        self._at = self._matched(_BLANK)
        return self._at == len(self._text)

    def _matched(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        return self._at if match is None else match.end()

    def _note(self, path: Path, at: int) -> None:
        line = self._text.count("\n", 0, at) + 1
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _header(self, opening: str) -> Path:
        start = self._at
        self._at += len(opening)
        keys = self._keys()
        self._at += len(opening)
        path: Path = ()
        for key in keys[:-1]:
            path = self._last_item((*path, key))
        path = (*path, keys[-1])
        if opening == "[[":
            self._items[path] = self._items.get(path, -1) + 1
        path = self._last_item(path)
        self._note(path, start)
        return path

    def _last_item(self, path: Path) -> Path:
        return (*path, self._items[path]) if path in self._items else path

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip_blank()
            start = self._at
            if self._text[start] in "\"'":
                self._at = self._matched(_STRING)
                keys.append(_unquoted(self._text[start : self._at]))
            else:
                self._at = self._matched(_BARE_KEY)
                keys.append(self._text[start : self._at])
            self._skip_blank()
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._keys())
        self._note(path, start)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip_blank()
        match self._text[self._at]:
            case "[":
                self._at += 1
                number = 0
                while not self._closed("]"):
                    self._note((*path, number), self._at)
                    self._value((*path, number))
                    number += 1
            case "{":
                self._at += 1
                while not self._closed("}"):
                    self._pair(path)
            case '"' | "'":
                self._at = self._matched(_STRING)
            case _:
                self._at = self._matched(_PLAIN_VALUE)

    def _closed(self, bracket: str) -> bool:
        """Skip blanks and one comma; return True, past the bracket, at the end of the list."""
        self._skip_blank()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip_blank()
        if self._text[self._at] != bracket:
            return False
        self._at += 1
        return True


def _unquoted(key: str) -> str:
    """Return a quoted key's text; escapes are rare enough in keys to leave to tomllib."""
    if key.startswith("'"):
        return key[1:-1]
    import tomllib  # noqa: PLC0415 - only quoted keys need it

    (name,) = tomllib.loads(f"{key} = 0")
    return name
