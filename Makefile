# `make demo` and `make test` set everything up by themselves; they need Python 3.11+ and a package index.

.DEFAULT_GOAL := help
.PHONY: help demo test faults fuzz bench check lint types contracts stale schemas docs coverage clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
PYTEST_ARGS ?=
FAULT_RUNS ?= 1000
FAULT_SEED ?= 1
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 1
BENCH_ARGS ?=

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; set PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## plan, apply, an empty second plan, an edit and its plan, on the embedded registry
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(READY) ## all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

faults: $(READY) ## the fault suite with every fault, and 1,000 random runs (FAULT_RUNS, FAULT_SEED)
	RECONCILER_FAULTS=all $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS) tests/faults
	$(BIN)/python -m tests.faults.random_runs --runs $(FAULT_RUNS) --seed $(FAULT_SEED) --workers $(WORKERS)

fuzz: $(READY) ## mutated input for everything that reads, FUZZ_SECONDS for each target, two at a time
	nice -n 19 $(BIN)/python -m tests.fuzz all --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

bench: $(READY) ## what it costs, for docs/performance.md: a quarter of an hour (BENCH_ARGS="--small" only tries)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

check: lint types contracts stale ## everything that CI checks besides tests and demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

stale: $(READY)
	$(BIN)/python docs/generate.py --check

schemas docs: $(READY) ## write the generated files anew
	$(BIN)/python docs/generate.py

coverage: $(READY)
	$(BIN)/python -m coverage report --fail-under=$$(cat .ci/coverage-floor)

clean: ## forget the virtual environment and every cache
	rm -rf $(VENV) .cache .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
