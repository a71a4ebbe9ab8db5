# Two commands do everything on a fresh machine: make repro, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin

export PATH := $(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

.PHONY: repro published test ui bench readme site verify verify-cpus verify-calls verify-cluster torture mutants

repro: $(VENV)/installed
	python -m stages.heal
	python -m stages.check  # before DVC reads params.yaml, which it does in words of its own
	dvc repro dvc.yaml studies/dvc.yaml
	@python -m stages.summary

test: $(VENV)/dask
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	pytest

ui: $(VENV)/installed
	@echo "Runs:    http://127.0.0.1:5000/#/experiments/1/runs"
	@echo "Studies: http://127.0.0.1:5000/#/experiments/2/runs"
	mlflow ui

published: $(VENV)/installed
	python -m stages.heal
	cd published && dvc repro dvc.yaml clustering/dvc.yaml elephant/dvc.yaml population/dvc.yaml subgroups/dvc.yaml
	dvc repro --force --single-item studies/dvc.yaml:report

bench: $(VENV)/installed
	python -m benchmarks.training
	python -m benchmarks.symmetry
	python -m benchmarks.objects
	python -m benchmarks.pipeline

readme: $(VENV)/installed
	python -m stages.readme

# Static pages for any web host. MkDocs has an environment of its own, which nothing else needs.
site: .venv-site/installed results/report.html
	rm -rf .cache/pages
	mkdir -p .cache/pages
	cp -R --parents README.md docs results/figures results/study_figures results/studies results/*.csv results/report.html benchmarks/cluster.png \
		published/results/figures published/results/mil_tests published/results/*.csv published/clustering/results/clustering* published/population/results/population* published/subgroups/results/subgroups* .cache/pages
	sed -i '/<!-- local -->/,/<!-- end of local -->/d' .cache/pages/results/report.html # links to one's own machine
	NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build --quiet
	@echo "The pages are in site/; open site/index.html."

results/report.html:
	@echo "$@ is missing; make it with: make repro" && exit 1

.venv-site/installed: requirements-site.lock
	$(PYTHON) -m venv .venv-site
	.venv-site/bin/pip install --quiet --disable-pip-version-check --requirement requirements-site.lock
	touch $@

# The whole pipeline in a clone of HEAD: does it give what is committed, to the last byte?
verify: $(VENV)/installed
	python -m verification.pipeline

# The pipeline in small, here and as emulated processors of two makers.
verify-cpus: $(VENV)/installed
	python -m verification.processors

# First calls of functions in 500 processes on a busy machine.
verify-calls: $(VENV)/installed
	python -m verification.first_calls

# Runs and a study by the workers of a Dask scheduler, which are killed at random moments: the same bytes?
verify-cluster: $(VENV)/dask
	python -m verification.cluster

# Damaged files, eight experiments at once, kills and random mutations: what comes of them?
torture: $(VENV)/installed
	python -m verification.torture

# One-line mutants of the core: do its tests notice them?
mutants: $(VENV)/installed
	python -m verification.mutants

# Dask is for clusters and tests alone.
$(VENV)/dask: $(VENV)/installed requirements-dask.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dask.lock
	touch $@

# The stamp is newer than the lock exactly when the environment holds what the lock says.
$(VENV)/installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@
