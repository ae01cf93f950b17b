# What can be done with this repository; `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Data set and board of the demonstration.
DATASET ?= digits
BOARD ?= icebreaker
# Word that the names of the proofs must hold.
PROOF ?=
# Word that the names of the faults must hold; damaged frames, and the seed of all that is drawn.
FAULT ?=
FAULTS_FRAMES ?= 100000
FAULTS_SEED ?= 1
# Word that the names of the designs must hold whose mutants are tried.
MUTANTS ?=
# Results of the test runs, for .ci/run.
RESULTS := build/test-results

STAMP := $(VENV)/.set-up
IMPORT_STAMP := $(VENV)/.found-first
TYPING := build/typing/prototile

.PHONY: help setup demo test lint typing quick test-slow formal faults mutants nightly fuzz bench clean

help:
	@echo 'make demo       train, convert, verify and build digits for the iCEBreaker (DATASET=iris BOARD=ulx3s-25f: others)'
	@echo 'make test       checks and all tests but the slow ones'
	@echo 'make quick      checks and the tests that need no tools, in a minute'
	@echo 'make test-slow  the tests that take minutes'
	@echo 'make formal     prove what docs/verification.md says of the hardware (PROOF=word: only some)'
	@echo 'make nightly    a thousand random configurations against the golden model (NIGHTLY_SEED=n: others)'
	@echo 'make fuzz       damaged and hostile files for a quarter of an hour (FUZZ_SECONDS=n for each kind, NIGHTLY_SEED=n)'
	@echo 'make faults     noise on the line, upsets and the like (FAULTS_FRAMES=n damaged frames, FAULTS_SEED=n, FAULT=word: only some)'
	@echo 'make mutants    that level rtl catches each change of small designs that answers otherwise (MUTANTS=word: only some)'
	@echo 'make bench      the figures of the README, each beside the bar that it must reach'
	@echo 'make setup      only make .venv; every other target does it too'
	@echo 'make clean      remove what was made here, but for .venv'

setup: $(IMPORT_STAMP)
	@:

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("prototile needs Python 3.11 or newer, not %d.%d: make PYTHON=python3.11" \
		% sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# A folder called prototile, as a clone is, is a package without contents to a script beside it, and Python takes that
# before it asks where an editable installation lies. So the finder of this one is asked first; .pth files run in order.
$(IMPORT_STAMP): $(STAMP) Makefile
	@$(BIN)/python -c 'import pathlib, sys, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "prototile-first.pth").write_text(sys.argv[1] + "\n")' \
		'import sys; sys.meta_path.sort(key=lambda finder: "__editable___prototile_" not in str(finder))'
	@touch $@

demo: setup
	$(BIN)/prototile demo $(DATASET) --board $(BOARD)

test: lint
	@mkdir -p $(RESULTS)
	$(BIN)/python -m pytest -n 2 -m 'not slow and not nightly' -rs --junitxml=$(RESULTS)/test.xml

quick: lint
	$(BIN)/python -m pytest -n 2 -m 'not tools and not slow and not nightly' -rs

test-slow: setup
	@mkdir -p $(RESULTS)
	$(BIN)/python -m pytest -n 2 -m slow -rs --junitxml=$(RESULTS)/slow.xml

formal: setup
	PYTHONPATH=tests/rtl $(BIN)/python -m formal "$(PROOF)"

faults: setup
	PYTHONPATH=tests/rtl $(BIN)/python -m faults "$(FAULT)" --frames $(FAULTS_FRAMES) --seed $(FAULTS_SEED)

mutants: setup
	PYTHONPATH=tests/sim $(BIN)/python -m mutation "$(MUTANTS)"

nightly: setup
	@mkdir -p $(RESULTS)
	$(BIN)/python -m pytest -n 2 -m nightly -rs --junitxml=$(RESULTS)/nightly.xml

fuzz: setup
	FUZZ_SECONDS=$${FUZZ_SECONDS:-90} $(BIN)/python -m pytest -n 2 -m nightly tests/gen/test_hostile_files.py

lint: setup typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The type checker takes one package from one folder, and this one is made of four.
typing:
	@rm -rf $(TYPING) && mkdir -p $(TYPING)
	@ln -s $(addprefix $(CURDIR)/,$(filter-out gen/__pycache__,$(wildcard gen/*))) $(CURDIR)/rtl $(CURDIR)/sim $(CURDIR)/boards $(TYPING)

bench: setup
	@for script in benchmarks/*.py; do \
		case $$script in */common.py) continue;; esac; \
		echo "== $$script"; $(BIN)/python $$script || exit 1; \
	done

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
