# Two commands do all their own set-up: `make demo` runs the main job, `make test` the tests.
PYTHON ?= python3
BIN := .venv/bin
DEMO := build/demo
export PLATFORMIO_SETTING_ENABLE_TELEMETRY := no
export PLATFORMIO_DISABLE_UPGRADE_CHECK := true

.DEFAULT_GOAL := help
.PHONY: help setup demo test check generate lock bench picture clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# The stamp is remade when the lock or the project's metadata changes.
$(BIN)/.installed: requirements/all.txt pyproject.toml
	@PYTHON=$(PYTHON) .ci/system-packages demo
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --progress-bar on --require-hashes -r requirements/all.txt
	@# setuptools warns, over 20 lines, that the folder is imported from where it stands: it is meant.
	PYTHONWARNINGS=ignore $(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

setup: $(BIN)/.installed ## make .venv with everything the project needs
	@PYTHON=$(PYTHON) .ci/system-packages demo

demo: setup ## train, emit, build, run on both boards, report
	$(BIN)/tinyhil demo --out $(DEMO)

check: setup ## lint, types, formats, generated files: what CI checks before the tests
	@PYTHON=$(PYTHON) .ci/system-packages test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	clang-format --dry-run --Werror $$(git ls-files 'firmware/*.[ch]' 'firmware/*.cpp' 'firmware/*.ino' 'hil/*.c' 'tests/*.[ch]' 'tests/*.cpp' | grep -v '^firmware/lib/model/')
	$(BIN)/python -m hil.wire.emit --check
	$(BIN)/python -m pipeline.model_folder --check test_vectors/models/*
	$(BIN)/python -m pipeline.emit_c --check
	$(BIN)/python tests/engine/requant_oracle.py --check

test: check ## run everything that CI runs
	@# By whole files: what a file's tests share is made once.
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests
	$(BIN)/pio test -e native
	$(BIN)/pytest hil/ --board nano33
	$(BIN)/pytest hil/ --board sensortile
	$(BIN)/tinyhil zoo --quick

generate: setup ## write the generated files anew
	$(BIN)/python -m hil.wire.emit
	$(BIN)/python -m pipeline.model_folder test_vectors/models/*
	$(BIN)/python -m pipeline.emit_c
	$(BIN)/python tests/engine/requant_oracle.py

picture: setup ## make the report's picture in the README anew (needs chromium)
	$(BIN)/python docs/report_picture.py

bench: setup ## measure speed and size; each figure is a ratio to a named baseline (minutes)
	@missed=""; for f in benchmarks/*.py; do echo "== $$f"; PYTHONPATH=. $(BIN)/python $$f || missed="$$missed $$f"; done; \
	    [ -z "$$missed" ] || { echo "missed a goal or failed:$$missed"; exit 1; }

LOCK := $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.10 \
    --constraint requirements/constraints.in --custom-compile-command "make lock" pyproject.toml

lock: setup ## resolve requirements/*.txt anew
	$(BIN)/pip install -q uv
	$(LOCK) --upgrade --extra emulator --extra firmware -o requirements/harness.txt
	$(LOCK) --upgrade --extra emulator --extra firmware --extra train --extra dev -o requirements/all.txt

clean: ## remove what was built (not .venv)
	rm -rf build .pio .mypy_cache .ruff_cache .pytest_cache .hypothesis
