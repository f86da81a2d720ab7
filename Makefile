# The few things to do with a clone of r1bench. Each creates .venv first where it is missing. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
ENGINES_VENV := .venv-engines
PYTEST_ARGS ?=

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
USE := $(VENV)/.installed
DEVELOP := $(VENV)/.installed-dev
ENGINES_PIP := $(ENGINES_VENV)/bin/python -m pip --disable-pip-version-check
ENGINES := $(ENGINES_VENV)/.installed
PYTHON_SCRIPTS = $(shell grep -slE '^\#!.*python' scripts/*)
SHELL_SCRIPTS = $(shell grep -slE '^\#!.*bash' scripts/* .ci/run)

.PHONY: help demo test slow sandbox browser engines lint types wheel
.DELETE_ON_ERROR:

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## *(.*)/  make \1\t\2/' | expand -t 16

demo: $(USE)  ## evaluate the embedded base, train stage zero, evaluate again, print the board and the verdict
	$(VENV)/bin/python scripts/demo

test slow: export OMP_NUM_THREADS ?= 1
slow: export R1BENCH_REQUIRE_ENGINES ?= 1
slow: export R1BENCH_REQUIRE_REAL_MODEL ?= 1

test: $(DEVELOP) sandbox browser  ## the tests, in under 15 minutes on two cores (PYTEST_ARGS=... is passed on)
	$(VENV)/bin/python -m pytest -m "not slow" $(PYTEST_ARGS)

slow: $(DEVELOP) $(ENGINES) sandbox browser  ## the tests that make longer real runs
	$(VENV)/bin/python -m pytest -m slow $(PYTEST_ARGS)

sandbox:  ## install bubblewrap, which isolates programs that a model wrote, where it is missing and you may
	@scripts/install_sandbox

browser:  ## install a headless Chromium, which the tests of the report's pages need, where it is missing and you may
	@scripts/install_browser

engines: $(ENGINES)  ## vLLM, TRL and OpenRLHF in .venv-engines, for the tests that need them (3 GB)

lint: $(DEVELOP)  ## ruff over the code, its format, and the shell scripts' syntax
	$(VENV)/bin/ruff check . $(PYTHON_SCRIPTS)
	$(VENV)/bin/ruff format --check . $(PYTHON_SCRIPTS)
	@for script in $(SHELL_SCRIPTS); do bash -n "$$script" || exit 1; done

types: $(DEVELOP)  ## check the types
	scripts/typecheck

wheel: $(DEVELOP)  ## build the wheel into dist/ and use it in an empty environment
	scripts/wheel_test

# torch comes first: where a CPU build is installed or found already, it stays.
$(USE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "r1bench needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing). Name another: make PYTHON=python3.11" >&2; exit 1; }
	@echo "installing r1bench and its dependencies into $(VENV): a few minutes at most, depending on the network"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -qq -c constraints.txt setuptools torch
	@$(PIP) install -qq -c constraints.txt --no-build-isolation -e .
	@touch $@

$(DEVELOP): $(USE)
	@echo "installing what tests and checks need into $(VENV)"
	@$(PIP) install -qq -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

# The list is complete, so nothing is resolved; torch comes first here too, with what its build for this machine brings along.
$(ENGINES): constraints-engines.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { \
	  echo "OpenRLHF is built for Python 3.11 and 3.12 only. Name one of them: make engines PYTHON=python3.11" >&2; exit 1; }
	@echo "installing vLLM, TRL and OpenRLHF into $(ENGINES_VENV): a few minutes, depending on the network, and 3 GB"
	@$(PYTHON) -m venv $(ENGINES_VENV)
	@$(ENGINES_PIP) install -qq "$$(grep '^torch==' constraints-engines.txt)"
	@$(ENGINES_PIP) install -qq --no-deps -r constraints-engines.txt
	@$(ENGINES_PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@
