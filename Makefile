# Two commands do all that is needed on a fresh machine with Python 3.11, a C++ compiler and make:
# `make run` and `make test`. They set up .venv on their own, and again where something has changed.
# Continuous integration calls the same targets.
#
#   PYTHON=python3.12   the Python to use; else the newest on PATH
#   JOBS=4              how much at once; else as many as there are processors
#   ARGS="..."          further arguments of `run`, `pytest`, `bench`

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ARGS ?=

VENV   := .venv
STAMPS := $(VENV)/stamps
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --quiet --disable-pip-version-check install

# CMake, Ninja and the linters are those of .venv.
TOOLS  := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export PIP_ROOT_USER_ACTION := ignore
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

# What the installed package is made of. A file that goes away is seen by the list of them.
SOURCES := $(sort $(shell find cpp python -type f ! -name '*.so' ! -path '*/__pycache__/*')) \
           CMakeLists.txt pyproject.toml README.md LICENSE
CXX_FILES = $(shell find cpp tests/cpp tests/fuzz bench/cpp -name '*.hpp' -o -name '*.cpp' 2>/dev/null)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null || grep '##' Makefile

# ---- the two commands ----

.PHONY: run
run: $(STAMPS)/package $(STAMPS)/requirements-run ## Run the main job: a demo market through ten indicators
	@$(PY) -m fastcore run $(ARGS)

.PHONY: test
test: lint ctest asan counts pytest ## Run every test: linters, C++, C++ with sanitizers, instructions, Python

# ---- parts of the tests ----

.PHONY: lint
lint: $(STAMPS)/requirements-build $(STAMPS)/requirements-test $(STAMPS)/debian ## Check style and types: ruff, mypy, clang-format, clang-tidy
	@echo "== lint"
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check .
	@$(PY) -m mypy
	@$(PY) -m mypy tools/*.py
	@$(VENV)/bin/clang-format --dry-run --Werror $(CXX_FILES)
	@$(PY) tools/tidy.py

# In the build of the package: what is tested is what is installed.
.PHONY: ctest
ctest: $(STAMPS)/package $(STAMPS)/debian ## Run the C++ tests
	@echo "== C++ tests"
	@$(call cmake,-S . -B build/package -DFASTCORE_TESTS=ON)
	@$(TOOLS) cmake --build build/package -- --quiet
	@$(TOOLS) ctest --test-dir build/package --output-on-failure --no-tests=error -j $(JOBS)

.PHONY: asan
asan: $(STAMPS)/requirements-build $(STAMPS)/debian ## Run the C++ tests under AddressSanitizer and UBSan
	@echo "== C++ tests with sanitizers"
	@$(call preset,asan)

.PHONY: pytest
pytest: $(STAMPS)/package $(STAMPS)/requirements-test $(STAMPS)/debian ## Run the Python tests
	@echo "== Python tests"
	@$(PY) -m pytest -n $(JOBS) --max-suite-reruns=3 --rerun-show-tracebacks $(ARGS)

BASE ?=

# By instructions alone, which are the same on a busy machine. Without a commit before this one it says so.
.PHONY: counts
counts: $(STAMPS)/package $(STAMPS)/debian ## Hold the tick path's instructions to those of the last commit, or of BASE=
	@echo "== instructions beside the last commit's"
	@$(PY) -m bench.gate --by instructions $(if $(BASE),--base $(BASE))

# What CMake says of a machine is of interest only where it fails.
cmake  = mkdir -p build && { $(TOOLS) cmake $(1) >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }; }
preset = $(call cmake,--preset $(1)) && $(TOOLS) cmake --build --preset $(1) -- --quiet && $(TOOLS) ctest --preset $(1) -j $(JOBS)

# ---- the rest ----

.PHONY: proof
proof: $(STAMPS)/package $(STAMPS)/requirements-test $(STAMPS)/debian ## Run the long proofs: everything, more often, with more sanitizers
	@$(call preset,asan-v3)
	@$(call preset,tsan)
	@$(call preset,fuzz)
	@$(MAKE) --no-print-directory faults-asan
	@FASTCORE_PROOF=1 $(PY) -m pytest -n $(JOBS) --force-reruns=0 $(ARGS)

# The extension as it is installed, but for the sanitizers, which must be loaded before all else. What Python keeps for
# as long as it runs is no leak.
SITE := $(CURDIR)/build/asan-python/site
SANITIZED = LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
            ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=$(SITE)

.PHONY: faults-asan
faults-asan: $(STAMPS)/package $(STAMPS)/requirements-test ## Kill, refuse and cut short what journal and snapshots write, with sanitizers
	@echo "== faults with sanitizers"
	@pybind11_ROOT="$$($(PY) -m pybind11 --cmakedir)"; export pybind11_ROOT; $(call cmake,--preset asan-python)
	@$(TOOLS) cmake --build --preset asan-python -- --quiet
	@$(TOOLS) cmake --install build/asan-python --prefix $(SITE) >build/asan-python/install.log
	@cp -r python/fastcore $(SITE)
	@$(SANITIZED) $(PY) -m pytest -n $(JOBS) tests/test_journal_faults.py tests/test_save_faults.py $(ARGS)

.PHONY: bench
bench: $(STAMPS)/package $(STAMPS)/requirements-bench $(STAMPS)/peers $(STAMPS)/debian ## Measure beside the peers; writes bench/results/latest.json and the README's table
	@echo "== C++ benchmarks"
	@$(call cmake,--preset bench)
	@$(TOOLS) cmake --build --preset bench -- --quiet
	@build/bench/bench/cpp/fastcore_bench --benchmark_out=build/bench/results.json
	@echo "== Python benchmarks"
	@$(PY) -m bench.python $(ARGS)
	@$(PY) -m bench.indicators
	@$(PY) -m bench.table
	@$(PY) tools/docs.py

.PHONY: load
load: $(STAMPS)/package $(STAMPS)/requirements-bench $(STAMPS)/debian ## Load a service with wrk and locust; ARGS="--seconds 30"
	@$(PY) -m bench.load $(ARGS)

.PHONY: gate
gate: $(STAMPS)/package $(STAMPS)/requirements-test $(STAMPS)/debian ## Hold instructions and time to those of the last commit, or of BASE=
	@$(PY) -m bench.gate $(if $(BASE),--base $(BASE)) $(ARGS)

.PHONY: format
format: $(STAMPS)/requirements-test ## Format all sources
	@$(PY) -m ruff check --quiet --fix .
	@$(PY) -m ruff format --quiet .
	@$(VENV)/bin/clang-format -i $(CXX_FILES)

.PHONY: stubs
stubs: $(STAMPS)/package ## Write the type stubs from the catalogue
	@$(PY) tools/stubs.py
	@$(MAKE) --no-print-directory build

.PHONY: docs
docs: $(STAMPS)/package ## Write the indicators' pages from the catalogue
	@$(PY) tools/docs.py

.PHONY: golden
golden: $(STAMPS)/package $(STAMPS)/requirements-test ## Keep hashes of the outputs of new indicators; ARGS names those that were meant to change
	@$(PY) tests/golden_outputs.py $(ARGS)

.PHONY: build
build: $(STAMPS)/package ## Build the package and install it into .venv

.PHONY: clean
clean: ## Remove what was built; .venv stays
	rm -rf build dist $(STAMPS)/package .mypy_cache .ruff_cache .pytest_cache .hypothesis fastcore-report.html

# ---- set-up, remembered by stamps ----

EXTRAS_build := build
EXTRAS_run   := cli report frames
EXTRAS_test  := test lint
EXTRAS_bench := bench

$(STAMPS)/venv:
	@sh tools/setup.sh venv $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/requirements-%: $(STAMPS)/venv pyproject.toml tools/requirements.py
	@echo "== installing what $* needs"
	@$(PY) tools/requirements.py $(EXTRAS_$*) | $(PIP) -r /dev/stdin
	@touch $@

# NautilusTrader's metadata ask for an older pandas than the others use; its indicators, all that is measured, run with it.
$(STAMPS)/peers: $(STAMPS)/requirements-bench
	@$(PIP) --no-deps 'nautilus_trader>=1.221'
	@touch $@

$(STAMPS)/package: $(STAMPS)/requirements-build $(STAMPS)/sources $(SOURCES)
	@sh tools/setup.sh compiler
	@echo "== building the package (about a minute the first time)"
	@$(PIP) --no-build-isolation --config-settings=build-dir=build/package .
	@touch $@

$(STAMPS)/debian: $(STAMPS)/venv
	@sh tools/setup.sh debian doctest-dev:doctest/doctest.h libbenchmark-dev:benchmark/benchmark.h
	@sh tools/setup.sh programs prometheus:promtool chromium:chromium wrk:wrk valgrind:valgrind
	@touch $@

$(STAMPS)/sources: $(STAMPS)/venv FORCE
	@printf '%s\n' $(SOURCES) | cmp -s - $@ || printf '%s\n' $(SOURCES) >$@

.PHONY: FORCE
FORCE:
