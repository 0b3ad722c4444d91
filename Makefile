# `make results/table2.csv` (or any other result) and `make test` are all that a fresh machine with Python needs.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
# A process a core.
PYTEST := $(BIN)/pytest --numprocesses logical --maxprocesses 8 --durations 10

.PHONY: FORCE help environment test test-all lint why check_store reference

help:
	@echo "make results/table2.csv   the table (or any other file below results/)"
	@echo "make why                  what would run for results/table2.csv, and why"
	@echo "make test                 the tests, in minutes; make test-all adds the long ones"
	@echo "make lint                 ruff, snakefmt, snakemake --lint and mypy"

# Snakemake decides what is up to date, so make never takes an existing file for an answer.
results/%: $(READY) FORCE
	$(BIN)/snakemake --cores all $@

check_store: $(READY)
	$(BIN)/snakemake --cores all check_store

why: $(READY)
	$(BIN)/snakemake --dry-run $(or $(TARGET),results/table2.csv)

test: $(READY)
	$(PYTEST) -m "not long"

test-all: test
	$(PYTEST) -m long

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy

# The schema and the key tables of config/README.md, from the settings' types.
reference: $(READY)
	PYTHONPATH=src $(BIN)/python -m unseen.plan.reference

environment: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(READY)
