# Two commands on a machine with Python 3.11 or later, make and git:
#   make tournament   install into .venv, play a small tournament, print its ranking
#   make test         install what tests need, and run them
# With PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu before it, pip takes torch without CUDA, 4 GB less.
# And `make docs` writes the documentation's site, docs/_build/html/index.html.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN = .venv/bin

.PHONY: tournament test chaos lint docs benchmarks vendor clean

tournament: .venv/installed
	$(BIN)/dilemma run configs/quickstart.toml

test: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: .venv/tested
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Hours: each goes on where it was interrupted, and keeps what it found in runs/chaos.
chaos: .venv/tested
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.arguments
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.configs
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.damage
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.hostile
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.kills
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.chaos.cluster

docs: .venv/documented
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/html

benchmarks: .venv/tested
	$(BIN)/python benchmarks/axelrod.py
	$(BIN)/python benchmarks/exact.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/analysis.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/large_roster.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/report.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/environments.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/evolution.py

vendor:
	cd tools/vendor && npm ci --ignore-scripts && npm run build

clean:
	rm -rf .venv build docs/_build docs/reference

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/tested: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,axelrod]'
	@touch $@ .venv/installed

.venv/documented: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@ .venv/installed
