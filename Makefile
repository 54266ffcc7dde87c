# The commands people run; each installs what it needs into .venv first.
PYTHON ?= python3
BIN := .venv/bin
N ?= 200
REAL_TIME ?= 20
SEED ?= 0
MINUTES ?= 1
SESSIONS ?= 25000
THRESHOLD ?= 45
# four at a time on two cores: many tests wait for real processes
PYTEST_OPTIONS ?= -n 4 --dist worksteal

# The window's libraries are looked for only where they are needed: QtGui links them.
QT_LIBRARIES := libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3
COVERED := tms_console/delivery/*,protocols/*,drivers/*
# What shows by itself that the core is tested.  Whole sessions by the dozen are not traced: that
# would only cost time.
UNTRACED := $(addprefix tests/delivery/test_,finding_forged.py finding_processes.py \
  magstim_after.py session_adversary.py session_faults.py session_library.py session_orders.py \
  session_record_fails.py treatment_attacks.py treatment_processes.py treatment_properties.py \
  treatment_review.py treatment_review_beside.py unreported.py witness_sessions.py)
CORE_TESTS := tests/protocols tests/drivers \
  $(filter-out $(UNTRACED),$(wildcard tests/delivery/test_*.py))

.PHONY: demo test lint bench records-10y crash-test monkey screenshots constraints clean

demo: .venv/.ready ## a throw-away clinic in a window; without a display, one session in the terminal
	@if $(BIN)/python -c "import sys; from tms_console.ui.display import why_no_window as why; \
	  words = why(); words and print(words); sys.exit(bool(words))"; then \
	  $(BIN)/tms-console --demo; \
	else \
	  echo 'One session on the simulated stimulator, in the terminal:'; \
	  $(BIN)/tms-console rehearse itbs-600 --threshold $(THRESHOLD); \
	fi

screenshots: .venv/.ready ## pictures of every page in both themes, into out/screenshots
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.screenshots

test: .venv/.ready ## every test; COVERAGE=1 also asks the core's own tests for 95 % of its branches
	@options='$(PYTEST_OPTIONS)'; \
	if ! $(BIN)/python -c 'import PySide6.QtGui' 2>/dev/null; then \
	  echo 'Qt cannot be loaded here, so tests of a window are left out: install $(QT_LIBRARIES)'; \
	  options="$$options -p no:pytest-qt"; \
	fi; \
	if [ -z '$(COVERAGE)' ]; then $(BIN)/python -m pytest $$options; exit; fi; \
	rm -f .coverage .coverage.*; \
	$(BIN)/python -m pytest $$options --cov --cov-report= $(CORE_TESTS) \
	&& $(BIN)/python -m pytest $$options $(addprefix --ignore=,$(CORE_TESTS))
ifdef COVERAGE
	@$(BIN)/coverage report --skip-covered; \
	$(BIN)/coverage report --include='$(COVERED)' --fail-under=95 --format=total
endif

lint: .venv/.ready ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/.ready ## timing, durability, size and start-up, beside this machine's own noise
	@$(BIN)/python -m tests.bench $(BENCH_OPTIONS)

records-10y: .venv/.ready ## a clinic of ten years (SESSIONS=25000), into out/records-10y: half an hour, 1.4 GB
	@rm -rf out/records-10y
	@$(BIN)/python -m tests.records_10y --sessions $(SESSIONS) --seed $(SEED) --out out/records-10y/clinic.db

crash-test: .venv/.ready ## kills N sessions at random instants, REAL_TIME of them in real time
	@$(BIN)/python -m tests.crash $(N) --real-time $(REAL_TIME) --seed $(SEED)

monkey: .venv/.ready ## clicks and types at random for MINUTES, from SEED; REPLAY=FILE does a log again
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -X faulthandler -m tests.monkey --minutes $(MINUTES) \
	  --seed $(SEED) $(if $(REPLAY),--replay $(REPLAY) --log $(REPLAY).again)

constraints: ## writes the exact versions of a fresh install that passes
	@folder=$$(mktemp -d) && $(PYTHON) -m venv $$folder \
	&& $$folder/bin/python -m pip install --quiet --upgrade-strategy eager '.[dev]' \
	&& { echo '# Exact versions that the tests run with; `make constraints` writes this file afresh.'; \
	     $$folder/bin/python -m pip freeze --exclude tms-console; } > constraints.txt; \
	rm -rf $$folder

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo 'Python 3.11 or newer is needed: install python3 (or name one: make PYTHON=python3.12).'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo 'The venv module is missing: install python3-venv.'; exit 1; }
	@echo 'Installing into .venv (once) ...'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@
