# `make run` and `make test` need nothing but Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# One process more than CPUs, for some tests wait. A file's tests share servers, so they stay together; in
# the files' order, in which the last ones are short.
WORKERS := --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 \
  --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run test check fix docs proof audit bench clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: $(VENV)/run.done ## Install perfkit here, serve, and show this host live
	@$(BIN)/perfkit serve --demo

test: check ## Every check, then every test (as CI does)
	@$(BIN)/coverage erase
	@$(BIN)/pytest --cov --cov-report= $(WORKERS) $(PYTEST_ARGS)
	@$(BIN)/python tools/coverage_bars.py

check: $(VENV)/dev.done ## Format, lint, types, layers
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(VENV)/dev.done ## Apply what can be applied
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/dev.done ## Write the generated pages anew
	@$(BIN)/python tools/docs.py

proof: $(VENV)/dev.done audit ## The full counts: kills, cuts, fuzz, long runs
	@PERFKIT_PROOF=1 $(BIN)/pytest -m proof --timeout 3600 $(PYTEST_ARGS)

audit: $(VENV)/dev.done ## Known weaknesses of the locked packages, where a feed is reachable
	@$(BIN)/python tools/audit.py

bench: $(VENV)/dev.done ## Measurements against peers, as ratios of one interleaved run
	@$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

clean: ## Remove what these commands made
	rm -rf $(VENV) .coverage* .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# One folder for both: the second install adds to the first.
$(VENV)/run.done: locks/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("perfkit needs Python 3.11 or newer: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	@echo "installing perfkit into $(VENV) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r locks/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.done: locks/dev.txt $(VENV)/run.done
	@$(PIP) install --require-hashes -r locks/dev.txt
	@touch $@
