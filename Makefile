# Each target sets up what it needs; a fresh clone needs Python 3.11 and nothing else.
PYTHON ?= python3.11
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH :=
# Each job imports thousands of modules, three times as fast once their bytecode is kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup reproduce reproduce-mfh smoke test test-browser lint bench clean

# The page that `make test-browser` opens.
REPORT ?= results/smoke/report.html

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps --no-compile -r requirements.lock
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

test: setup
	pytest -n 2 --dist loadgroup

test-browser: smoke
	tests/browser/install.sh
	REPORT=$(REPORT) pytest -m browser tests/browser

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	python workflow/lint.py
	mypy

bench: setup
	python bench/student_step.py
	python bench/audit.py

clean:
	rm -rf results/smoke .pytest_cache .mypy_cache .ruff_cache .hypothesis
