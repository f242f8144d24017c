PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# the pins stand once, in conda.yaml; pip reads the same lines
PINS = sed -n 's/^ *- \([A-Za-z0-9_.-]*==.*\)/\1/p' conda.yaml
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test test-all check docs bench chaos ui setup pins

demo: setup  ## two real studies on Digits, through mlflow run
	mlflow run . --env-manager local -P model_name=AlexNet -P dataset=Digits -P seeds=0,42,123 \
	  -P epochs=12 -P batch_size=32 -P lr=0.01 | tee .venv/demo.log
	mlflow run . --env-manager local -P model_name=ResNet18 -P dataset=Digits -P seeds=0,42,123 \
	  -P epochs=4 -P batch_size=32 -P lr=0.001 | tee -a .venv/demo.log
	@echo && grep --no-group-separator -A1 "test accuracy" .venv/demo.log
	@echo "Browse both studies: make ui, then http://127.0.0.1:5000"

# a process a core, each with one thread: most tests wait for processes to start
test test-all: export OMP_NUM_THREADS = 1
PYTEST = pytest -rs --numprocesses auto --dist loadfile

test: setup  ## what runs anywhere, within minutes
	$(PYTEST) -m "not slow"

test-all: setup  ## the rest: what takes minutes, or needs more than Python, git and make
	$(PYTEST) -m slow
	BAD_INPUTS=500 pytest --numprocesses auto -m "not slow" tests/test_bad_input.py

check: setup  ## format, lint, types
	ruff format --check .
	ruff check .
	mypy

docs: .venv-docs/ready  ## these pages as a site, in site/; a broken link or a warning fails
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "Open site/index.html (its search needs a server: python3 -m http.server --bind 127.0.0.1 --directory site)"

chaos: setup  ## faults at random moments of real studies, and what is left compared; make chaos KILLS=50 KINDS="study stop"
	for kind in $(or $(KINDS),study server stop containers files); do \
	  python -m benchmarks.chaos $(or $(KILLS),20) --of $$kind; done

bench: setup  ## what training costs, into docs/performance.md; make bench PARTS="c d" DATA=folder
	python -m benchmarks $(PARTS) --data_dir $(or $(DATA),none)

ui: setup  ## browse the runs at http://127.0.0.1:5000
	mlflow ui

setup: .venv/ready

pins:  ## what pip installs of conda.yaml
	@$(PINS)

.venv/ready: conda.yaml requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(PINS) > .venv/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r .venv/requirements.txt -r requirements-dev.txt
	touch $@

.venv-docs/ready: requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@
