# Each target makes .venv when it is missing: with uv where it is installed, with plain pip where not.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.peers
NEWEST := build/newest-dagster
WITH_NEWEST ?= ect_assets_tests/orchestration ect_assets_tests/test_imports.py
STUDY ?=
OF_STUDY = $(if $(STUDY),--study $(STUDY),)

.PHONY: demo ui test test-slow test-newest-dagster lint docs bench lock clean
.DEFAULT_GOAL := demo

demo: $(INSTALLED)  ## make the simulated study and walk the whole path through it
	$(BIN)/ect demo

ui: $(INSTALLED)  ## open the Dagster UI of a study (STUDY=name where there are several)
	$(BIN)/ect ui $(OF_STUDY)

test: $(INSTALLED)  ## lint, types, and the default tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: $(PEERS)  ## the tests that take minutes, and those against the peers
	$(BIN)/python -m pytest -n 2 -m slow

# Beside the libraries of .venv, which stays as it is.
test-newest-dagster: $(INSTALLED)  ## the tests of orchestration with the newest Dagster of the package index
	$(BIN)/python -m venv --clear $(NEWEST)
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > $$(echo $(NEWEST)/lib/python*/site-packages)/of-the-project.pth
	$(NEWEST)/bin/python -m pip install --quiet --upgrade dagster dagster-webserver
	$(NEWEST)/bin/python -c 'import dagster; print("Dagster", dagster.__version__)'
	PATH="$(CURDIR)/$(NEWEST)/bin:$$PATH" $(NEWEST)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(WITH_NEWEST)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED)  ## write the pages that follow from the code, and make a site of all: build/site
	$(BIN)/python -m ect_assets.tables.data_dictionary docs/data_dictionary.md
	$(BIN)/python -m ect_assets.lake.example_queries docs
	$(BIN)/python -m docs.api_page docs/api.md
	$(BIN)/python -m docs.module_page docs/modules.md
	$(BIN)/python -m zensical build --strict --clean

bench: $(PEERS)  ## hold our speed and memory against the peers', side by side
	$(BIN)/python -m benchmarks

lock:  ## choose new versions within the ranges of pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra volumetric --extra paper --extra postgres --extra s3 --extra test --extra lint --extra docs --extra dev \
		--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --upgrade --output-file requirements.lock
	uv pip compile pyproject.toml --extra peers --constraint requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --quiet \
		--output-file requirements-peers.lock

clean:
	rm -rf $(VENV) build dist *.egg-info

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is %d.%d. Say another one: make PYTHON=python3.12" % v)'
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock && \
		uv pip install --quiet --python $(BIN)/python --no-deps --editable . ; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --no-deps --editable . ; \
	fi
	@touch $@

$(PEERS): $(INSTALLED) requirements-peers.lock
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-peers.lock ; \
	else \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-peers.lock ; \
	fi
	@touch $@
