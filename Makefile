# Everything a person does with this repository. A fresh machine needs Python 3.11 (or newer) and make.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PORT ?= 5000
HOST ?= 127.0.0.1
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)  # parallel test processes: some only wait
TESTS ?= tests

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
MODULES := node_modules/.installed
PEERS := .venv-peers/.installed
ASSETS := app/static/build/manifest.json
SOURCES := $(shell find frontend -type f 2>/dev/null) package.json

# npm and its scripts find the Node.js of the virtual environment before any other.
NODE := PATH="$(CURDIR)/$(BIN):$$PATH"

help:  ## Show what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: $(INSTALLED) $(ASSETS)  ## Install, set up a demonstration factory, and serve it (PORT=5000, HOST=127.0.0.1)
	@$(BIN)/millwright setup --demo
	@exec $(BIN)/millwright run --demo --host "$(HOST)" --port "$(PORT)"

demo: $(INSTALLED)  ## Put the demonstration factory back to its beginning
	@$(BIN)/millwright demo --reset --yes

test: $(INSTALLED_DEV) $(ASSETS)  ## Run all tests; what this machine lacks is skipped, with the reason (TESTS=tests/unit)
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(TESTS)

test-mariadb: export MILLWRIGHT_DATABASES = mariadb
test-mariadb: test  ## Run all tests that use a database on MariaDB alone (TESTS=tests/unit)

check: $(INSTALLED_DEV) $(MODULES)  ## Run the linters, type checkers and scans that need no network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/djlint --check --lint --quiet app/templates
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app migrations worker.py
	$(BIN)/python tools/find_secrets.py
	$(NODE) npm run --silent check

audit: $(INSTALLED_DEV) $(MODULES)  ## Look for secrets in all commits, and ask what is known against the locked packages
	@$(BIN)/python tools/find_secrets.py --history
	@$(NODE) $(BIN)/python tools/audit.py

format: $(INSTALLED_DEV)  ## Format Python and templates
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint --reformat --quiet app/templates

peers: $(PEERS)  ## Install the other programs that some tests hold ours against

install: $(INSTALLED_DEV) $(MODULES)  ## Install everything that a developer needs

assets: $(INSTALLED) $(MODULES)  ## Build the scripts and styles
	@$(NODE) npm run --silent build

lock: $(INSTALLED_DEV)  ## Write the lock files anew from pyproject.toml and package.json
	$(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --upgrade --extra build --output-file requirements.lock --custom-compile-command "make lock"
	$(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --upgrade --extra build --extra sentry --extra opentelemetry --constraint requirements.lock \
	  --output-file requirements-production.lock --custom-compile-command "make lock"
	$(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --upgrade --extra build --extra sentry --extra opentelemetry --extra dev \
	  --constraint requirements-production.lock --output-file requirements-dev.lock \
	  --custom-compile-command "make lock"
	$(BIN)/uv pip compile tests/peers/pm4py.in --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --upgrade --output-file tests/peers/pm4py.lock --custom-compile-command "make lock"
	$(NODE) npm install --package-lock-only --no-audit --no-fund

clean:  ## Remove what was installed and built; the data in var/ stays
	rm -rf $(VENV) .venv-peers node_modules app/static/build app/engine/feel/bundle app/exports/fonts millwright.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find app tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

# -- what the targets above stand on; each is made again only when what it depends on has changed --

$(BIN)/python:
	@sh tools/make-venv $(VENV)

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing Python packages (once, about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(INSTALLED_DEV): requirements-dev.lock $(INSTALLED)
	@echo "Installing the developers' packages (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Apart from ours: pm4py is under the AGPL, and brings much that nothing here needs.
$(PEERS): tests/peers/pm4py.lock
	@sh tools/make-venv .venv-peers
	@echo "Installing pm4py (once, about a minute) ..."
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/peers/pm4py.lock
	@touch $@

$(MODULES): package.json package-lock.json | $(INSTALLED)
	@echo "Installing the packages of the pages' scripts (once) ..."
	@$(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(ASSETS): $(SOURCES) $(MODULES)
	@echo "Building scripts and styles ..."
	@$(NODE) npm run --silent build
	@touch $@

.PHONY: help run demo test test-mariadb check audit format peers install assets lock clean
