# `make results/table2.csv` (or any other result) and `make test` are all that a fresh machine with Python needs.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
# A process a core.
PYTEST := $(BIN)/pytest --numprocesses logical --maxprocesses 8 --durations 10

.PHONY: FORCE help environment test test-all lint docs why check_store reference gpu_check gpu_wheels

help:
	@echo "make results/table2.csv   the table (or any other file below results/)"
	@echo "make why                  what would run for results/table2.csv, and why"
	@echo "make test                 the tests, in minutes; make test-all adds the long ones"
	@echo "make gpu_check            every figure that wants a GPU, in six minutes"
	@echo "make docs                 the site, below build/docs"
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

# Every link and anchor is checked.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/docs/index.html"

# Every figure that wants a GPU. Where nothing can be installed, the wheels that gpu_wheels fetched
# elsewhere serve beside the machine's own Python: make gpu_check GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
WHEELS := build/wheels
gpu_check: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),$(READY))
	if [ -d $(WHEELS) ]; then $(GPU_PYTHON) -m pip install --quiet --no-index --no-deps --upgrade --target build/site $(WHEELS)/*.whl; fi
	PYTHONPATH=src:benchmarks:build/site $(GPU_PYTHON) benchmarks/gpu_check.py

# For Python 3.12 with torch, torchvision, tensorboard, h5py, safetensors and pytest: 39 MB.
gpu_wheels: $(READY)
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
		--platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --dest $(WHEELS) \
		$$(grep -E '^(av|ffmpeg-python|pydantic)==' requirements.txt) future annotated-types typing-inspection \
		pydantic-core==$$($(BIN)/python -c 'import pydantic_core; print(pydantic_core.__version__)')

# The schema and the key tables of config/README.md, from the settings' types.
reference: $(READY)
	PYTHONPATH=src $(BIN)/python -m unseen.plan.reference

environment: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(READY)
