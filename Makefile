# make lab opens the lab; make test passes the tests. Both set up everything first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# TORCH=cpu takes the CPU wheel (about 200 MB); TORCH=default what pip offers, on Linux with CUDA (several GB).
TORCH ?= default
TORCH_INDEX = $(if $(filter cpu,$(TORCH)),--index-url https://download.pytorch.org/whl/cpu,)
# tests in so many processes, each on one thread of torch; those with a window are all in one
WORKERS ?= 2
VENV = .venv
RUN = $(VENV)/bin/python
ON_A_SCREEN = .ci/on-a-screen

.PHONY: lab test setup check unit test-witness bench protocols pictures clean system

lab: setup
	$(ON_A_SCREEN) $(RUN) main.py

test: setup check unit

setup: system $(VENV)/ready

system:
	@.ci/system-libraries $(PYTHON)

$(VENV)/ready: constraints.txt pyproject.toml
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q -c constraints.txt --upgrade pip
	$(RUN) -m pip install -q -c constraints.txt $(TORCH_INDEX) torch
	$(RUN) .ci/requirements.py dev > $(VENV)/requirements.txt
	$(RUN) -m pip install -q -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

check: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

unit: setup
	OMP_NUM_THREADS=1 $(ON_A_SCREEN) --virtual $(RUN) -m pytest tests -m "not witness and not slow" -n $(WORKERS)

test-witness: setup
	$(RUN) .ci/requirements.py witness > $(VENV)/witness.txt
	$(RUN) -m pip install -q -c constraints.txt -r $(VENV)/witness.txt
	$(RUN) -m pip install -q --no-deps -c constraints.txt torchcfm==1.0.7 azula
	$(ON_A_SCREEN) --virtual $(RUN) -m pytest tests -m "witness or slow" -o faulthandler_timeout=0

bench: setup
	$(RUN) -m pip install -q --no-deps -c constraints.txt torchcfm==1.0.7 torchdiffeq
	$(ON_A_SCREEN) --virtual $(RUN) -m tests.bench

# SEEDS=5 for all; it goes on where it stopped
protocols: setup
	$(RUN) -m tests.protocols --seeds $(or $(SEEDS),2)

pictures: setup
	$(ON_A_SCREEN) --virtual $(RUN) -m tests.pictures

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
