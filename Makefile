# `make` alone prints the words it knows.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
WEIGHTS := $(CURDIR)/.cache/models
REQUIRE ?=
ARGS ?=
TEXTS ?= 200000
SEED := $(or $(SEED),$(shell date +%s))
# In a container one is often root, and JupyterLab then wants to be told so
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo lab test test-long check fix notebooks pictures bench clean

help:  ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mc_jupyter needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml | $(BIN)/python
	@echo "installing mc-jupyter, its small engine and JupyterLab into $(VENV) (a minute or so)"
	@$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $(DEMO)

$(DEV): pyproject.toml | $(BIN)/python
	@echo "installing mc-jupyter and what its tests need into $(VENV) (a minute or so)"
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $(DEMO) $(DEV)

demo: $(DEMO)  ## run the first notebook for real and show what it answers
	@$(BIN)/python notebooks/run_demo.py

lab: $(DEMO)  ## open the panel's notebook in JupyterLab (ARGS=--no-browser prints the address)
	@$(BIN)/jupyter-lab --notebook-dir=notebooks $(AS_ROOT) $(ARGS) \
	  --LabApp.default_url=/lab$(patsubst notebooks/%,/tree/%,$(wildcard notebooks/03-panel.ipynb))

test: $(DEV)  ## run every test layer that this machine can run (REQUIRE="docker" makes a skip an error)
	@REQUIRE="$(REQUIRE)" $(BIN)/python tests/run_layers.py

test-long: $(DEV)  ## run the hostile texts and repositories in larger numbers (TEXTS=200000 SEED=1; an hour)
	@echo "seed $(SEED)"
	@MC_TEST_HOSTILE=$(TEXTS) MC_TEST_SEED=$(SEED) REQUIRE="$(REQUIRE)" ARGS="-k hostile" \
	  $(BIN)/python tests/run_layers.py unit docker browser

check: $(DEV)  ## formatting, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

fix: $(DEV)  ## format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

notebooks: $(DEV)  ## run all notebooks again and store their outputs
	@$(BIN)/python notebooks/update.py

pictures: $(DEV)  ## take the README's pictures again, in a real browser
	@$(BIN)/python docs/pictures.py

bench: $(DEV)  ## measure, side by side with the plain way of doing the same
	@$(BIN)/python benchmarks/run.py

clean:  ## remove what make made (.venv, .cache, caches)
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache demo-output
