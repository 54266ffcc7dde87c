"""What somebody typed is no formula in the tables of an export, and can be read back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.records.export_folder import csv_bytes


def read_back(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "typed", ["=1+1", "+49 30", "-", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1"]
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(typed: str) -> None:
    rows = read_back(csv_bytes(("at_ns", "detail"), [(-5, typed)]).decode())
    assert rows == [["at_ns", "detail"], ["-5", f"'{typed}"]]  # a number is none


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_without_its_apostrophe_every_text_is_as_it_was_typed(typed: str) -> None:
    ((cell, _),) = read_back(csv_bytes(("detail", "end"), [(typed, "x")]).decode())[1:]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell.removeprefix("'") == typed
