# The commands people run; each installs what it needs into .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench crash-test constraints clean

demo: .venv/.ready
	$(BIN)/tms-console rehearse itbs-600 --threshold 45 --database rehearsals.db

test: .venv/.ready
	$(BIN)/python -m pytest

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
