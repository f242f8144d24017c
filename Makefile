PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# the pins stand once, in conda.yaml; pip and uv read the same lines
PINS = sed -n 's/^ *- \([A-Za-z0-9_.-]*==.*\)/\1/p' conda.yaml
# uv where it is on PATH and pip has no index of its own, which uv would not read; `make setup UV=` uses pip
UV ?= $(filter-out $(CURDIR)/%,$(shell command -v uv > /dev/null && ! $(PYTHON) -m pip config list 2> /dev/null \
  | grep -qE 'index|find-links' && command -v uv))
VENV = $(if $(UV),$(UV) venv --quiet --seed --allow-existing --python $(PYTHON),$(PYTHON) -m venv)
# PyTorch's CPU build (.venv: 2.5 GB, not 7) if there is no NVIDIA driver and its index answers within 2 seconds;
# `make setup TORCH_INDEX=` uses the default index alone, TORCH_INDEX=<address> another build
CPU_INDEX = https://download.pytorch.org/whl/cpu
TORCH_INDEX ?= $(shell command -v nvidia-smi > /dev/null || { $(PYTHON) -c "import signal, urllib.request as web; \
  signal.alarm(2); web.urlopen('$(CPU_INDEX)/torch/')" && echo $(CPU_INDEX); } 2> /dev/null)
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo demo-full test test-all test-adapters check docs bench chaos ui setup pins

DEMO = mlflow run . --env-manager local -P dataset=Digits -P seeds=0,42,123
RESULTS = sed -n '/test accuracy/p; s|^figures: *\(.*\)|  figure: \1/rwc_layers.png|p' .venv/demo.log; \
  echo "Browse: make ui, then http://127.0.0.1:5000/\#/experiments/0/runs?workflowType=machine_learning&viewStateShareKey=studies"

demo: setup  ## the paper's AlexNet on Digits, three seeds, in a minute or two
	$(DEMO) -P model_name=AlexNet -P epochs=4 -P batch_size=16 -P lr=0.03 -P jobs=3 | tee .venv/demo.log
	@echo; $(RESULTS)

demo-full: setup  ## two longer studies on Digits: AlexNet and ResNet18
	$(DEMO) -P model_name=AlexNet -P epochs=12 -P batch_size=32 -P lr=0.01 | tee .venv/demo.log
	$(DEMO) -P model_name=ResNet18 -P epochs=4 -P batch_size=32 -P lr=0.001 | tee -a .venv/demo.log
	@echo; $(RESULTS)

# a process a core, each with one thread: most tests wait for processes to start
test test-all test-adapters: export OMP_NUM_THREADS = 1
PYTEST = pytest -rs --numprocesses auto --dist worksteal

test: setup  ## what runs anywhere, within minutes
	$(PYTEST) -m "not slow"

test-all: setup  ## the rest: what takes minutes, or needs more than Python, git and make
	$(PYTEST) -m slow
	BAD_INPUTS=500 pytest --numprocesses auto -m "not slow" tests/test_bad_input.py
	$(MAKE) --no-print-directory test-adapters

test-adapters: .venv-adapters/ready  ## layerwise in the loops of other libraries, with these
	.venv-adapters/bin/python -m pytest -rs -m slow tests/pipeline/measure tests/test_examples.py tests/test_layerwise.py \
	  tests/benchmarks/test_lightning_loop.py

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

bench: setup  ## what training costs, into docs/performance.md; with Lightning, if .venv-adapters is there; make bench PARTS="c d" DATA=folder
	$(or $(wildcard .venv-adapters/bin/python),python) -m benchmarks $(PARTS) --data_dir $(or $(DATA),none)

ui: setup  ## browse the runs at http://127.0.0.1:5000
	mlflow ui

setup: .venv/ready

pins:  ## what pip installs of conda.yaml
	@$(PINS)

INSTALL = $(if $(UV),$(UV) pip install --python $(@D) --compile-bytecode --index-strategy unsafe-best-match,\
  $(@D)/bin/pip install --disable-pip-version-check) --quiet

.venv/ready: conda.yaml requirements-dev.txt
	$(VENV) $(@D)
	$(PINS) > $(@D)/requirements.txt
	$(INSTALL) $(TORCH_INDEX:%=--extra-index-url %) -r $(@D)/requirements.txt -r requirements-dev.txt
	touch $@

# on top of .venv, which pip finds by a path file (uv would not): torch is there once
SITE = python -c "import sysconfig; print(sysconfig.get_path('purelib'))"
.venv-adapters/ready: .venv/ready requirements-adapters.txt
	python -m venv $(@D)
	$(SITE) > $$($(@D)/bin/$(SITE))/venv.pth
	$(@D)/bin/pip install --disable-pip-version-check --quiet -r requirements-adapters.txt
	touch $@

.venv-docs/ready: requirements-docs.txt
	$(VENV) $(@D)
	$(INSTALL) -r $<
	touch $@
