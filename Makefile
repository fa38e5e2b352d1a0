# Sets everything up by itself: needs GNU make, Python 3.11 or newer and pip's package index, nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo real test bench worldbench methodbench tilebench phenologybench realpairs orderings networks realseries devicebench soak clean

# Cores for Snakemake, and how many tests run at a time: `make demo CORES=4`, `make test WORKERS=4`.
CORES ?= all
WORKERS ?= 2
# Further words for the program behind a target: `make test ARGS="-k slurm"`, `make demo ARGS=--dry-run`.
ARGS ?=

VENV := .venv
READY := $(VENV)/.ready
# First of these that is new enough; set PYTHON to choose.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
# The commands that measure, as modules.
MEASURE = PYTHONPATH=tests:workflow:workflow/scripts python -m benchmarks
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 8

# Made anew when the lock changes, so that nothing of an older one stays behind.
$(READY): envs/requirements.txt
	@if [ -z "$(PYTHON)" ]; then
	    echo "Error: no Python 3.11 or newer was found. Cure: install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2
	    exit 1
	fi
	if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then
	    echo "Error: $(PYTHON) lacks venv. Cure: install it (Debian: apt-get install python3-venv)" >&2
	    exit 1
	fi
	echo "Setting up $(VENV) from envs/requirements.txt (a minute or two, 2 GB) ..."
	"$(PYTHON)" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-input --disable-pip-version-check --requirement envs/requirements.txt
	touch $(READY)

demo: $(READY) ## the simulated place, from catalogue to results/report.html
	@snakemake --cores $(CORES) $(ARGS)
	echo "The report: $(CURDIR)/results/report.html"

real: $(READY) ## a real place, to results/report_real.html
	@snakemake --cores $(CORES) --configfile config/real.yaml $(ARGS)
	echo "The report: $(CURDIR)/results/report_real.html"

test: $(READY) ## every check: style, types, workflow, tests with the end-to-end runs
	@ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	mypy
	pytest -n $(WORKERS) $(ARGS)

bench: $(READY) ## the demo from nothing in a folder of its own: seconds and memory by stage
	@$(MEASURE).demo --cores $(CORES) $(ARGS)

worldbench: $(READY) ## the simulated world over area and days: results/bench/simulated.png
	@$(MEASURE).world $(ARGS)

methodbench: $(READY) ## every method over sizes, windows, bands and threads: results/bench/methods.png
	@$(MEASURE).methods $(ARGS)

tilebench: $(READY) ## a full Sentinel-2 tile through the stage fused: results/bench/tile.csv
	@$(MEASURE).tile $(ARGS)

phenologybench: $(READY) ## seasons and events of a made-up series, window by window: results/bench/phenology.csv
	@$(MEASURE).phenology $(ARGS)

realpairs: $(READY) ## the methods without training on two real data sets: results/bench/real_pairs.txt and .png
	@$(MEASURE).real_pairs $(ARGS)

orderings: $(READY) ## whether the papers' orderings come out on simulated places: results/bench/orderings.txt and .png
	@$(MEASURE).orderings $(ARGS)

networks: $(READY) ## what networks make of the papers' cases on simulated places: results/bench/networks.txt and .png
	@$(MEASURE).networks $(ARGS)

realseries: $(READY) ## the methods that fill series on real pixel series: results/bench/real_series.txt and .png
	@$(MEASURE).real_series $(ARGS)

devicebench: $(READY) ## rates of every network on this device, GPU or CPU: results/bench/devices.png
	@$(MEASURE).devices $(ARGS)

soak: $(READY) ## the long checks
	@pytest -m soak $(ARGS)

clean: ## everything that was made: results, environment, caches
	rm -rf $(VENV) .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name readme -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
