# Everything runs inside .venv, which the first target to need it makes.
# TORCH= chooses another build of PyTorch: make TORCH="torch==2.11.0" demo
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo lab check test faults long-use fuzz bench docs clean

setup: $(READY)

$(READY): pyproject.toml hatch_build.py $(wildcard src/convscope/native/*.c src/convscope/native/*.h)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/pip install --quiet "$(TORCH)"
	$(BIN)/pip install --quiet --editable . --group dev
	touch $(READY)

lab: $(READY)
	@$(BIN)/convscope lab

demo: $(READY)
	@$(BIN)/python examples/demo.py

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_architecture.py

test: $(READY)
	$(BIN)/pytest -q

faults: $(READY)
	$(BIN)/python tests/faults/killing.py 200

long-use: $(READY)
	$(BIN)/python tests/faults/long_use.py

MINUTES ?= 5

# Guided by coverage where atheris is there, which only some systems have: .venv/bin/pip install --group fuzz
fuzz: $(READY)
	for surface in stack kernel picture run shards lab serve; do \
		$(BIN)/python tests/fuzz/harness.py $$surface --minutes $(MINUTES) || exit 1; \
	done

bench: $(READY)
	$(BIN)/python benchmarks/convolution.py
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/mnist_to_99.py
	$(BIN)/python benchmarks/looking.py
	$(BIN)/python benchmarks/units.py
	$(BIN)/python benchmarks/serve.py

docs: $(READY)
	$(BIN)/python docs/make.py

clean:
	rm -rf .venv build dist src/convscope/native/*.so
