# Each target sets up what it needs; a fresh clone needs one of these Pythons and nothing else.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13; do $$name -c '' 2>&- && echo $$name && break; done)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH :=
# Each job imports thousands of modules, three times as fast once their bytecode is kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup lock reproduce reproduce-mfh smoke paper-fixtures test test-portable test-slow test-pythons fuzz soak test-browser test-cluster test-gpu lint docs bench scale bench-gpu clean

# The page that `make test-browser` opens.
REPORT ?= results/smoke/report.html

setup: .venv/.ready

.venv/.ready: requirements.lock requirements-cuda.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "There is no Python 3.11, 3.12 or 3.13 here: install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
# Which build of torch fits is for this machine's pip to say. PyPI's is held against the lock like all else; one of
# another index that pip is told of, such as 2.13.0+cpu, is that index's to vouch for.
	.venv/bin/python -m pip download --quiet --no-deps --dest .venv/torch "$$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements.lock)"
	ls .venv/torch/*+* 2>/dev/null | xargs -r .venv/bin/python -m pip install --quiet --no-deps --no-compile
	.venv/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile -r requirements.lock
	ls .venv/torch/*+* >/dev/null 2>&1 || .venv/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile -r requirements-cuda.lock
	rm -r .venv/torch
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The versions that requirements.lock names with the hashes of all their files, and the licences of what is installed.
lock: setup
	python workflow/lock.py
	python workflow/licences.py

reproduce: setup
	snakemake
	@cat results/demo/tables/main.md
	@echo "The report: $(CURDIR)/results/demo/report.html"

reproduce-mfh: setup
	snakemake outputs_primary
	snakemake --configfile config/mfh.yaml
	@cat results/mfh/tables/gaussian_table2.md results/mfh/tables/predictions.md
	@echo "The report: $(CURDIR)/results/mfh/report.html"

smoke: setup
	snakemake --configfile config/smoke.yaml
	@cat results/smoke/tables/main.md

# The paper's study on small files in the published formats: config/paper.yaml in the folder paper-fixtures.
paper-fixtures: setup
	python tests/paper/run.py

test: setup
	pytest -n 2 --dist loadgroup

# The same with those of PyTorch's own kernels that any processor can run, without AVX2: msd/system/processor.py.
test-portable: setup
	ATEN_CPU_CAPABILITY=default pytest -n 2 --dist loadgroup

# What takes minutes: a user's own thousand rows, and an installed wheel, each from nothing to its report.
test-slow: setup
	pytest -n 2 -m slow --durations 5

# With each of these Pythons that is here, in an environment of its own.
test-pythons:
	sh workflow/pythons.sh

# Damaged files for every reader of outside files; CASES=… and SEED=… choose others.
fuzz: setup
	python tests/fuzz/readers.py --cases $(or $(CASES),10000) --seed $(or $(SEED),0)

# Random small studies on arithmetic for models; CASES=… and SEED=… choose others.
soak: setup
	python tests/soak/soak.py --cases $(or $(CASES),500) --seed $(or $(SEED),0)

test-browser: smoke
	tests/browser/install.sh
	REPORT=$(REPORT) pytest -m browser tests/browser

# The smoke study through a SLURM on this machine, which it installs: root on Debian, 8 minutes on two free cores.
test-cluster: smoke
	tests/cluster/install.sh
	pytest -m cluster tests/cluster

# On a machine with a GPU, as `bench-gpu`, with a torch that sees it; builds nothing.
test-gpu:
	python -m pytest -m gpu tests/training tests/mfh/crossmodal

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	python workflow/lint.py
	mypy

# The pages of docs/ as a site in site/, without warnings; a lock of its own keeps `make setup` light.
docs: setup .venv/.docs
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict

.venv/.docs: .venv/.ready requirements-docs.lock
	.venv/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile -r requirements-docs.lock
	touch $@

bench: setup
	python bench/student_step.py
	python bench/fixed_cost.py
	python bench/audit.py
	python bench/store.py

# The tables of docs/scale.md; the last ones have the times of jobs that ran: of demo-baselines, and of paper-fixtures.
scale: setup
	python bench/plan.py --page
	python bench/scale.py --page
	python bench/simulate.py config/demo-baselines.yaml --times results/demo-baselines --page
	python bench/simulate.py config/paper.yaml --times paper-fixtures/results/paper --priced --page

bench-gpu:
	python bench/gpu.py

clean:
	rm -rf results/smoke paper-fixtures .pytest_cache .mypy_cache .ruff_cache .hypothesis
