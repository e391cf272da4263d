# Entry points of the repository. `make` alone lists the targets.
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
RUN_READY := .venv/.ready-run
DEV_READY := .venv/.ready-dev
# Left by `make files`: from then on every set-up keeps the readers of workbooks and Parquet.
WITH_FILES := .venv/.with-files
RUN_LOCK := $(if $(wildcard $(WITH_FILES)),requirements-files.lock,requirements.lock)
# Options for pytest, e.g. `make test PYTEST_ARGS='-k import'`; `-n 0` runs the tests one by one.
PYTEST_ARGS ?=
TEST_WORKERS ?= 3
PYTHON ?=

.PHONY: help run files test quick check lint types bench up-kafka migrate docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

# Python comes up with SIGINT ignored, and the program then sets its handler: a Ctrl-C in the interpreter's
# own first instants would be a traceback.
run: $(RUN_READY) ## start Stageline on one port (STAGELINE_PORT, default 8080), data in ./.stageline
	@trap '' INT; exec $(BIN)/python -m services.standalone

files: $(RUN_READY) ## add the readers of workbooks (XLSX) and Parquet to `stageline import`
	@if [ ! -e $(DEV_READY) ]; then deploy/setup/packages.sh "$(PYTHON)" requirements-files.lock; fi
	@touch $(WITH_FILES)

up-kafka: $(RUN_READY) ## the same as three processes on a local Apache Kafka (needs Java 17+ and Maven)
	@trap '' INT; exec $(BIN)/python -m deploy.dev.kafka_stack

migrate: $(RUN_READY) ## bring the database in STAGELINE_DATABASE_URL to the newest schema
	@exec $(BIN)/stageline migrate

# More at once than there are cores: the long tests wait for processes and timers most of the time. Each
# worker has its own PostgreSQL and Kafka and takes one file after another, in the order of the folders:
# acceptance first, unit last, so that no long file is left over at the end.
test: $(DEV_READY) ## run every test
	@$(BIN)/python -m tests.support.prepare
	@exec $(BIN)/pytest --numprocesses=$(TEST_WORKERS) --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# Events over HTTP through ingest, stager and api, on PostgreSQL.
SMOKE := tests/acceptance/test_leah.py::test_leahs_seven_steps_come_out_in_order_with_exact_times_in_stage[postgres]

quick: $(DEV_READY) ## the unit tests and one event's way through all services: about a minute
	@exec $(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder \
		'$(SMOKE)' tests/unit $(PYTEST_ARGS)

check: lint types ## everything that needs no running parts: style, imports, types

lint: $(DEV_READY) ## style and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(DEV_READY) ## mypy, strict, code and tests
	@$(BIN)/mypy

bench: $(DEV_READY) ## measure our paths beside their bare limits
	@for script in tests/benchmarks/bench_*.py; do \
		echo "== $$script"; $(BIN)/python -m "tests.benchmarks.$$(basename "$$script" .py)"; \
	done

docs: $(DEV_READY) ## generate the documents again (schemas, OpenAPI, metrics)
	@$(BIN)/python -m services.cli.docs.generate

# -- set-up: repeated only when a lock file changes --------------------------------------------

$(RUN_READY): requirements-bootstrap.lock $(RUN_LOCK)
	@if [ -e $(DEV_READY) ] && [ -z "$$(find $? -newer $(DEV_READY) 2>/dev/null)" ]; then \
		touch $@; \
	else \
		rm -f $(DEV_READY); deploy/setup/packages.sh "$(PYTHON)" $(RUN_LOCK); touch $@; \
	fi

$(DEV_READY): requirements-bootstrap.lock requirements-dev.lock
	@deploy/setup/packages.sh "$(PYTHON)" requirements-dev.lock; touch $(RUN_READY) $@
