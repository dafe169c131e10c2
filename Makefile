# Two commands for newcomers: `make demo` shows shale at work, `make test` is the whole check.
# PYTHON names the interpreter that makes .venv: 3.11 or newer.

PYTHON ?= python3
VENV := .venv/bin
WORKERS ?= 2

# Compiled bytecode makes every start three times quicker: let our own runs write it whatever the machine says.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help demo test lint check-fast bench lock clean

help:
	@echo 'make demo        set up, then show shale at work: images imported, pushed, pulled, listed'
	@echo 'make test        set up, then the whole check: style, types, floors, tests with real peers'
	@echo 'make check-fast  style, types, floors and the tests that need no peers'
	@echo 'make bench       set up, then measure shale and its peers in turn'
	@echo 'make lock        write requirements/dev.txt anew from pyproject.toml'
	@echo 'make clean       remove .venv and what tools have cached here'

demo:
	@$(PYTHON) tools/setup.py demo
	@$(VENV)/python tools/demo.py

test:
	@$(PYTHON) tools/setup.py test
	@$(MAKE) --no-print-directory lint
	@$(VENV)/python -m pytest -q -n $(WORKERS) --dist worksteal

check-fast:
	@$(PYTHON) tools/setup.py demo
	@$(MAKE) --no-print-directory lint
	@$(VENV)/python -m pytest -q -n $(WORKERS) --dist worksteal -m 'not peer and not slow'

lint:
	@$(VENV)/ruff check --quiet .
	@$(VENV)/ruff format --check --quiet .
	@$(VENV)/mypy --no-error-summary
	@$(VENV)/lint-imports --no-logo

bench:
	@$(PYTHON) tools/setup.py bench
	@$(VENV)/python -m bench --write

lock:
	@$(PYTHON) tools/setup.py demo
	@$(VENV)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url \
	    --custom-compile-command 'make lock' --python-version 3.11 --group dev --upgrade \
	    pyproject.toml --output-file requirements/dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
