# Each target sets up what it needs; a fresh clone needs one of these Pythons and nothing else.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13; do $$name -c '' 2>&- && echo $$name && break; done)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH :=
# Each job imports thousands of modules, three times as fast once their bytecode is kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup reproduce reproduce-mfh smoke paper-fixtures test test-pythons fuzz test-browser test-gpu lint bench bench-gpu clean

# The page that `make test-browser` opens.
REPORT ?= results/smoke/report.html

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "There is no Python 3.11, 3.12 or 3.13 here: install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
# Torch once more by itself, for what its build needs here: CUDA's libraries on Linux, which no lock of all systems names.
	.venv/bin/python -m pip install --quiet --no-deps --no-compile -r requirements.lock
	.venv/bin/python -m pip install --quiet --no-compile "$$(grep ^torch== requirements.lock)"
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

reproduce: setup
	snakemake --quiet reason
	@cat results/demo/tables/main.md
	@echo "The report: $(CURDIR)/results/demo/report.html"

reproduce-mfh: setup
	snakemake outputs_all --quiet reason
	snakemake --quiet reason --configfile config/mfh.yaml
	@cat results/mfh/tables/gaussian_table2.md results/mfh/tables/predictions.md
	@echo "The report: $(CURDIR)/results/mfh/report.html"

smoke: setup
	snakemake --quiet reason --configfile config/smoke.yaml
	@cat results/smoke/tables/main.md

# The paper's study on small files in the published formats: config/paper.yaml in the folder paper-fixtures. ALL=1 runs
# every method on every data set, which takes twice as long.
paper-fixtures: setup
	python tests/paper/run.py $(if $(ALL),--all)

test: setup
	pytest -n 2 --dist loadgroup

# With each of these Pythons that is here, in an environment of its own.
test-pythons:
	sh workflow/pythons.sh

# Damaged files for every reader of outside files; CASES=… and SEED=… choose others.
fuzz: setup
	python tests/fuzz/readers.py --cases $(or $(CASES),10000) --seed $(or $(SEED),0)

test-browser: smoke
	tests/browser/install.sh
	REPORT=$(REPORT) pytest -m browser tests/browser

# On a machine with a GPU, as `bench-gpu`, with a torch that sees it; builds nothing.
test-gpu:
	python -m pytest -m gpu tests/training

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	python workflow/lint.py
	mypy

bench: setup
	python bench/student_step.py
	python bench/audit.py
	python bench/store.py

bench-gpu:
	python bench/gpu.py

clean:
	rm -rf results/smoke paper-fixtures .pytest_cache .mypy_cache .ruff_cache .hypothesis
