# `make run` and `make test` need nothing but Python 3.11 to 3.13 and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PACKAGES := dyna envs agents world_models conf
SOURCES := $(PACKAGES) tests docs $(wildcard benchmarks)
# One thread per process: the cores are shared by pytest's workers, and figures repeat bit for bit.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help run install test lint types arrows tests slow mutants benchmark format readme rooms clean

help:  ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

run: $(VENV)/.stamp-run  ## install what is missing, then the quickstart: three arms, a table, a report
	$(BIN)/python -m dyna experiment=quickstart

test: lint types arrows tests  ## install what is missing, then lint, types, import arrows and the tests

install: $(VENV)/.stamp-dev  ## .venv with everything for development (editable)

lint: $(VENV)/.stamp-dev  ## ruff: rules and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.stamp-dev  ## mypy
	$(BIN)/mypy

arrows: $(VENV)/.stamp-dev  ## dyna over agents and world_models over envs; no circles
	$(BIN)/lint-imports

tests: $(VENV)/.stamp-dev  ## the fast tests alone
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: $(VENV)/.stamp-dev  ## the tests that learn something (minutes)
	$(BIN)/python -m pytest -m slow

mutants: $(VENV)/.stamp-dev  ## plant 150 faults, one by one; list those that no test notices (an hour)
	$(BIN)/python -m benchmarks.mutants

# Peers are installed into .venv-peers; NANOTRACK=FOLDER has the weights of OpenCV's NanoTrack.
benchmark: $(VENV)/.stamp-run  ## our speeds beside those of peers, as ratios (ten minutes)
	$(BIN)/python -m benchmarks.peers --output results/speed_peers.json $(if $(NANOTRACK),--nanotrack $(NANOTRACK))
	$(BIN)/python -m dyna.readme

format: $(VENV)/.stamp-dev  ## repair what ruff can repair
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

readme: $(VENV)/.stamp-run  ## draw the tables and figures of README and docs from results/*.json
	$(BIN)/python -m dyna.readme

rooms: $(VENV)/.stamp-dev  ## draw docs/rooms.svg anew from the imports
	$(BIN)/python docs/draw_rooms.py

clean:  ## remove caches and builds; .venv and outputs stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) \
	else f"Python {v[0]}.{v[1]} will not do: say make PYTHON=python3.11 (or 3.12, 3.13)")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-run: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[classical,tensorboard]"
	@touch $@

$(VENV)/.stamp-dev: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.stamp-run
