"""The line of every key of a TOML text."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.locate import Path, key_lines

TEXT = '''\
# a comment with [brackets] and key = 1
id = "a # no comment"
'quoted key' = 1
"es\\u0063aped" = 2
dotted . "inner" = { one = 1, two = { three = 3 } }
text = """
[not] = "a table" ""
"""
literal = \'\'\'
x = '1' \'\'\'\'
list = [
  1, # one
  [ "]", ']' ],
  { a = 1,
    b = 2 } ]
when = 1979-05-27T07:32:00Z

[table.sub]
x = -1.5e3
[[blocks]]
y = [ ]
[blocks.marks]
z = true
[[blocks]]
[[blocks.inner]]
k = 'v'
[blocks.inner.deep]
q = 0'''.replace("  { a = 1,\n    b = 2 } ]", "  { a = 1, b = 2 } ]")


def paths(value: object, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [inner for key, item in value.items() for inner in paths(item, (*path, key))]
    if isinstance(value, list):
        found += [inner for k, item in enumerate(value) for inner in paths(item, (*path, k))]
    return found


def test_every_key_table_and_item_has_its_line() -> None:
    lines = key_lines(TEXT)
    assert set(lines) == set(paths(tomllib.loads(TEXT)))
    expected = {
        ("id",): 2,
        ("quoted key",): 3,
        ("escaped",): 4,
        ("dotted", "inner", "two", "three"): 5,
        ("text",): 6,
        ("literal",): 9,
        ("list", 1, 1): 13,
        ("list", 2, "b"): 14,
        ("table", "sub", "x"): 18,
        ("blocks", 0): 19,
        ("blocks", 0, "marks", "z"): 22,
        ("blocks", 1): 23,
        ("blocks", 1, "inner", 0, "deep", "q"): 27,
    }
    assert {path: lines[path] for path in expected} == expected


@pytest.mark.parametrize(
    "name", sorted(f.name for f in files("protocols.library").iterdir() if f.name.endswith("toml"))
)
def test_every_key_of_the_shipped_files_stands_on_its_line(name: str) -> None:
    text = (files("protocols.library") / name).read_text(encoding="utf-8")
    lines, rows = key_lines(text), text.splitlines()
    assert set(lines) == set(paths(tomllib.loads(text)))
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert path[-1] in rows[line - 1]


_KEYS = st.sampled_from(["a", "b", '"c d"', "'e'", "f.g"])
_VALUES = st.recursive(
    st.sampled_from(["1", '"x"', "'y'", '"""\nz\n"""', "1.5", "true", '"\\""', "''", '""']),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[\n{' ,'.join(items)} ]"),
    max_leaves=6,
)
_LINES = st.one_of(
    st.tuples(_KEYS, _VALUES).map(" = ".join),
    _KEYS.map(lambda key: f"[{key}]"),
    _KEYS.map(lambda key: f"[[{key}]]"),
    st.just("# note"),
    st.just(""),
)


@given(st.lists(_LINES, max_size=12).map("\n".join))
def test_whatever_tomllib_accepts_is_located_whole(text: str) -> None:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(key_lines(text)) == set(paths(values))
