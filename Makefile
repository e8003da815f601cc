# The only commands to remember; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
READY := .venv/.ready
# Trust the authorities that this machine trusts, as pip and git do.
export UV_SYSTEM_CERTS := 1

.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

$(UV): requirements/bootstrap.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@touch $@

$(READY): $(UV) requirements/dev.lock pyproject.toml
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY)  ## Set up everything in .venv (the other commands do it by themselves)

demo: $(READY)  ## Tell the whole story on this machine, then keep serving (DEMO_EXIT=1 ends instead)
	$(BIN)/connectrex demo

run: $(READY)  ## Serve for development on http://127.0.0.1:8000 (SQLite in var/)
	CONNECTREX_MODE=development $(BIN)/connectrex db upgrade
	CONNECTREX_MODE=development $(BIN)/connectrex serve

check: $(READY)  ## Format, lint, types, imports, and that locks match pyproject.toml
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/contracts

test: $(READY)  ## The whole suite, on SQLite and on a real PostgreSQL, with coverage
	$(BIN)/pytest -n auto --cov --cov-report=term:skip-covered

bench: $(READY)  ## Measure: verifications, durable fixes per second, where the time goes
	$(BIN)/python -m benchmarks

lock: $(UV)  ## Pin every dependency anew, with hashes
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade pyproject.toml -o requirements/base.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --all-extras --group dev pyproject.toml -o requirements/dev.lock

clean:  ## Remove the environment and everything made here
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

.PHONY: help setup demo run check test bench lock clean
