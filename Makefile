# Everything from a fresh clone: each target first makes .venv, if it is missing or older than what it is made from.
# Another Python: make demo PYTHON=python3.13

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

help: ## list what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

demo: $(READY) ## train one network on two engines, from the same weights, and show that they agree
	rm -rf demo
	$(BIN)/backproof train --dataset digits --model mlp --layers 100 --epochs 20 --learning-rate 0.1 \
	    --track-layer fc1,16 --show-samples 24 --runs-dir demo \
	    --experiment --engine numpy --name numpy \
	    --experiment --engine torch --name torch
	$(BIN)/backproof compare --weights demo/numpy demo/torch
	$(BIN)/backproof report demo/numpy demo/torch --output demo/report.html

# Each process takes one core, and its libraries one thread, or they stand in each other's way.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

test: $(READY) ## run the tests on all cores, a few minutes
	$(PYTEST)

slow: $(READY) ## run the tests that take minutes each
	$(BIN)/pytest -m slow

check: $(READY) ## lint, format, types, and the directions of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

mutation: $(READY) ## change one thing at a time in src: does `check` or a test find it? hours; it goes on where it was
	PYTHONPATH=tests $(BIN)/python -m mutation

coverage: $(READY) ## run the tests and say which lines of src they reach
	$(PYTEST) --cov --cov-report=term

clean: ## delete .venv, the demo and the session of mutation
	rm -rf .venv demo .mutation

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "backproof needs Python 3.11 or newer; \
	give one with: make PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --quiet \
	    --constraint constraints.txt --editable '.[torch,numba,jax,onnx,dev]'
	touch $(READY)

.PHONY: help demo test slow check mutation coverage clean
