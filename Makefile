# One command for each thing; every one of them sets up what it needs, once, in .venv. Python 3.11 is all it takes.
#   make demo                        make test ARGS="tests/plugin -x"                   make demo PYTHON=python3.12

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV   ?= .venv
ARGS   ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INPUTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs docs-serve notebooks dist dev constraints clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:  ## list what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1~\2/p' Makefile | column -t -s '~' 2>/dev/null \
	  || sed -nE 's/^([a-z-]+):.*## (.*)/  make \1  \2/p' Makefile

demo: $(VENV)/.run  ## deblur real digits blind and show the result
	@$(BIN)/invkit demo $(ARGS)

test: $(VENV)/.test  ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev  ## ruff, mypy, and the layers of the core
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test  ## measure quality and speed
	@$(BIN)/invkit bench $(ARGS)

docs: $(VENV)/.dev  ## build the site into build/site; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist: $(VENV)/.dev  ## build wheel and sdist, check them, install the wheel in a clean environment
	@rm -rf dist build/dist && $(PIP) install -c constraints.txt twine
	@$(BIN)/python -m build --quiet --no-isolation --outdir dist
	@$(BIN)/twine check --strict dist/*
	@$(PYTHON) -m venv build/dist && build/dist/bin/python -m pip install -qq -c constraints.txt dist/*.whl
	@cd build/dist && bin/invkit doctor && bin/invkit list-plugins

notebooks: $(VENV)/.test  ## write the gallery's examples as notebooks into build/notebooks
	@$(BIN)/python docs/gallery.py --notebooks build/notebooks

docs-serve: $(VENV)/.dev  ## show the site while you write
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

dev: $(VENV)/.dev  ## set up everything a contributor needs

constraints:  ## write constraints.txt anew from the newest versions that pyproject.toml allows
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip install -qq '.[dev]' twine
	@{ sed -n '/^#/p' constraints.txt; \
	  build/constraints/bin/python -m pip freeze --all | grep -vE '^(pip|wheel|invkit)(==| @)' \
	  | sed -E 's/\+(cpu|cu[0-9]+)$$//'; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/constraints

clean:  ## remove everything make made, .venv included
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The install is editable: what you run and test is what is in the checkout, and set-up happens once, not after
# each edit. .ci/run installs the built wheel as well, and runs the demo from it. hatchling comes first, from the
# constraints, so that the build is pinned like everything else.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "invkit needs Python 3.11 or newer; type: make PYTHON=/path/to/python3.11 …" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) cannot create $(VENV); on Debian or Ubuntu: apt install python3-venv" >&2; \
	       rm -rf $(VENV); exit 2; }

# A larger set-up includes the smaller ones.
$(VENV)/.run: EXTRA =
$(VENV)/.test: EXTRA = [test]
$(VENV)/.test: INCLUDED = $(VENV)/.run
$(VENV)/.dev: EXTRA = [dev]
$(VENV)/.dev: INCLUDED = $(VENV)/.run $(VENV)/.test
$(VENV)/.run $(VENV)/.test $(VENV)/.dev: $(INPUTS) | $(BIN)/python
	@echo "setting up $(VENV) (once): invkit$(EXTRA) and its pinned dependencies; torch makes it a few minutes"
	@$(PIP) install -c constraints.txt hatchling editables
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.$(EXTRA)'
	@touch $@ $(INCLUDED)
