# `make` alone prints the words it knows.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WEIGHTS := $(CURDIR)/.cache/models
REQUIRE ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo lab test check fix notebooks bench clean

help:  ## print this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mc_jupyter needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing mc-jupyter and what it needs into $(VENV) (a minute or two)"
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## run the first notebook for real and show what it answers
	@$(BIN)/python notebooks/run_demo.py

lab: $(STAMP)  ## open the notebooks in JupyterLab
	@test -x $(BIN)/jupyter-lab || $(BIN)/python -m pip install --quiet jupyterlab
	@$(BIN)/jupyter-lab --notebook-dir=notebooks

test: $(STAMP)  ## run every test layer that this machine can run (REQUIRE="docker" makes a skip an error)
	@REQUIRE="$(REQUIRE)" $(BIN)/python tests/run_layers.py

check: $(STAMP)  ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

fix: $(STAMP)  ## format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

notebooks: $(STAMP)  ## run all notebooks again and store their outputs
	@$(BIN)/python notebooks/update.py

bench: $(STAMP)  ## measure, side by side with the plain way of doing the same
	@$(BIN)/python benchmarks/run.py

clean:  ## remove what make made (.venv, .cache, caches)
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache demo-output
