# `make demo` and `make test` work on a fresh machine with Python 3.11 to 3.13; nothing else is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= runs/smoke
# Of the gpu targets: --minutes N, --again, --plan, --out DIR, --jobs N.
GPU_OPTIONS ?=
# One thread per process: results do not depend on the machine's cores, and tests run in parallel.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo picture test interpreter gate gate-compile gate-calls gate-step gpu-offline kernels-document gpu gpu-tests gpu-board site docs speed-board check format lint types clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

$(VENV)/.installed-run: pyproject.toml constraints.txt tools/install.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)"
	@$(BIN)/python tools/install.py triton
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt tools/install.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the development tools into $(VENV) (once)"
	@$(BIN)/python tools/install.py dev
	@touch $@ $(VENV)/.installed-run

demo: $(VENV)/.installed-run  ## Run the smoke suite, print its leaderboard, write its report
	$(BIN)/rep4ex-bench run smoke --out $(DEMO_OUT)

picture: demo $(VENV)/.installed-dev  ## Renew the README's picture from a run of the smoke suite
	$(BIN)/python tools/picture.py $(DEMO_OUT)/report.html docs/leaderboard.png

test: $(VENV)/.installed-dev  ## Run every test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

interpreter: $(VENV)/.installed-dev  ## Every case of the Triton kernels' checks, interpreted (an hour)
	REP4EX_CHECK_CASES=all $(BIN)/python -m pytest --numprocesses auto --dist loadfile tests/kernels/triton

gate: gate-calls gate-step gate-compile  ## Without a GPU: compile and read its kernels, count what a call costs

gate-compile: $(VENV)/.installed-dev
	$(BIN)/python -m rep4ex_kernels.offline --quick

gate-calls: $(VENV)/.installed-dev
	$(BIN)/python -m rep4ex_kernels.offline.host_cost --no-times

gate-step: $(VENV)/.installed-dev
	$(BIN)/python tools/measure_step.py

gpu-offline: $(VENV)/.installed-dev  ## The same for every case; prints the whole table
	$(BIN)/python -m rep4ex_kernels.offline

kernels-document: $(VENV)/.installed-dev  ## Renew docs/kernels-offline.md and .csv
	$(BIN)/python -m rep4ex_kernels.offline --markdown docs/kernels-offline.md

gpu: $(VENV)/.installed-dev  ## On a machine with a GPU: gpu-tests and gpu-board, nine minutes together
	@$(BIN)/python tools/gpu.py $(GPU_OPTIONS)

gpu-tests: $(VENV)/.installed-dev  ## The kernel tests on a GPU, nine minutes; again: goes on
	@$(BIN)/python tools/gpu.py tests $(GPU_OPTIONS)

gpu-board: $(VENV)/.installed-dev  ## The speed board of a GPU, nine minutes; again: goes on
	@$(BIN)/python tools/gpu.py board $(GPU_OPTIONS)

check: format lint types gate test  ## Everything that CI does

format: $(VENV)/.installed-dev  ## Check the formatting (`ruff format` mends it)
	$(BIN)/ruff format --check .

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

site: $(VENV)/.installed-run  ## Build the leaderboard's site from leaderboard/
	$(BIN)/rep4ex-bench leaderboard build --from leaderboard --out site

docs: $(VENV)/.installed-dev  ## Build the documentation's site in site-docs/, its notebook run
	REP4EX_DOCS_EXECUTE=true $(BIN)/mkdocs build --strict --quiet

speed-board: $(VENV)/.installed-dev  ## Renew the CPU speed board in leaderboard/speed/ (about an hour)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[bench]'
	$(BIN)/rep4ex-bench kernels --out leaderboard/speed/cpu
	$(BIN)/rep4ex-bench kernels --scaling --out leaderboard/speed/cpu-scaling

clean:  ## Remove the environment and everything generated
	rm -rf $(VENV) build dist runs site site-docs .cache *.egg-info
