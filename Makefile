# What a developer types. `make quickstart` and `make test` need Python 3.11, make and git, and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: quickstart test check lint format types floors install wheel clean

quickstart: $(VENV)/.installed           ## the main job: from an embedded world to a report and a bundle
	$(BIN)/holdfast run experiment=quickstart

test: $(VENV)/.installed-dev             ## every test, doctests of the package included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q --doctest-modules src tests

check: format-check lint types floors test  ## everything that CI checks

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .

format: $(VENV)/.installed-dev           ## rewrite the code in the house format
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

.PHONY: format-check
format-check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

floors: $(VENV)/.installed-dev           ## imports go down only; third parties stay in their room
	$(BIN)/lint-imports

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m pip wheel -q --no-deps -w dist .

install: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Holdfast needs Python 3.11 or newer; say PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing Holdfast and PyTorch into $(VENV); the first time takes a few minutes"
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing Holdfast with its test tools into $(VENV); the first time takes a few minutes"
	$(BIN)/python -m pip install -q -e ".[dev]"
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
