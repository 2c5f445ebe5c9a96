# The two commands a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PIN := deploy/constraints.txt
WORKERS := -n 2 --dist loadfile
RUN := $(VENV)/bin/python
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)

.PHONY: help demo test test-long lint bench bench-peers bench-wan tables disclosure protos clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed ## five hospitals answer joint queries on real patients; report in triune-demo/
	$(RUN) -m parties.cli demo

test: $(VENV)/.tested ## the suite
	@sh deploy/test-packages.sh
	$(RUN) -m pytest $(WORKERS) -m "not slow"

test-long: $(VENV)/.tested ## the suite and what takes longer
	@sh deploy/test-packages.sh
	$(RUN) -m pytest $(WORKERS) --hypothesis-profile=long

lint: $(VENV)/.tested ## style, types, direction of imports
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.tested ## benchmarks with pytest-benchmark
	@mkdir -p build
	$(RUN) -m pytest benchmarks --benchmark-only --benchmark-json=build/bench.json

bench-peers: $(VENV)/.tested ## CrypTen, SPU and MPyC beside Triune, row by row in one run
	$(RUN) -m benchmarks.compare

bench-wan: $(VENV)/.tested ## the same between parties 1 ms and 40 ms apart
	$(RUN) -m benchmarks.wan

tables: $(VENV)/.tested ## docs/tables.md: errors and costs, measured (minutes)
	$(RUN) -m benchmarks.tables

disclosure: $(VENV)/.tested ## the table of statistics and rules in docs/disclosure.md
	$(RUN) -m benchmarks.disclosed

protos: $(VENV)/.tested ## the wire's Python code from protos/
	$(RUN) -m parties.wire.generate

clean: ## remove what make made
	rm -rf $(VENV) triune-demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Triune needs Python 3.11 or newer. On Debian: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { v=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "Python $$v lacks ensurepip. Install it with: apt install python$$v-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The pins keep torch at a build that installs everywhere; a bare `torch` may bring several GB of CUDA.
$(VENV)/.installed: pyproject.toml $(PIN) mpc/kernels/native.c | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -c $(PIN) torch==2.13.0
	$(RUN) -m pip install --quiet --disable-pip-version-check -c $(PIN) -e '.[crypten]'
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -c $(PIN) -e '.[crypten,gpu,test,bench]'
	@touch $@
