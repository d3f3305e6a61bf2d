# SPDX-License-Identifier: Apache-2.0
# Every target works from a fresh clone and asks nothing; see CONTRIBUTING.md.
#
# PYTHON=...   the interpreter for .venv (default: the first of 3.9 or later that can make one)
# ARGS=...     more arguments for pytest (test) or for the lab (demo, vm, peers)
# WORKERS=N    test: processes side by side (0: one, without pytest-xdist)
# JSON=FILE    demo: the report as JSON as well
# SAMPLES=DIR  peers: documents and trees of others to try this agent on

PYTHON ?=
ARGS ?=
JSON ?=
WORKERS ?= 4
SAMPLES ?= ../shared/samples

BOOTSTRAP = PYTHON='$(PYTHON)' ./scripts/bootstrap.sh
PY = .venv/bin/python

.PHONY: help venv demo test vm beds peers bench check format docs matrix clean install dist packages

help:
	@echo 'make demo   provision a disposable copy of this machine and log in to it (JSON=FILE)'
	@echo 'make test   every test but those of the virtual machine (ARGS=pytest arguments)'
	@echo 'make vm     a real first boot of a Debian guest in QEMU'
	@echo 'make beds   root trees that look like other systems, and all that they prove (5 minutes)'
	@echo 'make peers  other agents against the lab, this agent on every sample'
	@echo 'make bench  what the command costs to start, and a driver to be chosen'
	@echo 'make check  ruff and mypy --strict'
	@echo 'make docs   write the generated pages and files anew'
	@echo 'make matrix write the page of systems and operations anew (needs root)'
	@echo 'make install, make dist, make packages: see packaging/README.md'
	@echo 'make clean  remove what the targets made, .venv too'

venv:
	@$(BOOTSTRAP) environment

demo: venv
	@$(BOOTSTRAP) tools demo
	@$(PY) -m lab demo $(if $(JSON),--json '$(JSON)') $(ARGS)

test: venv
	@$(BOOTSTRAP) tools test
	@$(PY) -m pytest -m 'not vm and not beds' -n $(WORKERS) --dist loadfile $(ARGS)

vm: venv
	@$(BOOTSTRAP) need vm
	@$(PY) -m lab vm $(ARGS)

beds: venv
	@$(BOOTSTRAP) tools demo
	@$(PY) -m lab beds
	@$(PY) -m pytest -m beds tests/beds $(ARGS)

peers: venv
	@$(BOOTSTRAP) need vm
	@$(PY) -m lab peers $(ARGS)
	@if [ -d '$(SAMPLES)' ]; then $(PY) -m lab samples '$(SAMPLES)'; \
	else echo 'no samples at $(SAMPLES): SAMPLES=DIR names others'; fi

bench: venv
	@$(PY) benchmarks/version.py
	@$(PY) benchmarks/identity.py
	@$(PY) benchmarks/polling.py
	@$(PY) benchmarks/polls.py
	@$(PY) benchmarks/daemon.py

check: venv
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: venv
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

docs: venv
	@$(PY) docs/generate.py

matrix: venv
	@$(PY) -m osdrivers.conformance

# The paths of the target: packaging/README.md.  What is empty follows from PREFIX, or is usual.
# Only POSIX make and a Python are needed; BUILD_PYTHON runs the script, PYTHON is what it writes.
BUILD_PYTHON = python3

install:
	@$(BUILD_PYTHON) packaging/install.py DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' \
		SBINDIR='$(SBINDIR)' SYSCONFDIR='$(SYSCONFDIR)' LOCALSTATEDIR='$(LOCALSTATEDIR)' \
		PYTHON='$(PYTHON)' PYTHONDIR='$(PYTHONDIR)' LABDIR='$(LABDIR)' UNITDIR='$(UNITDIR)' \
		PRESETDIR='$(PRESETDIR)' UDEVDIR='$(UDEVDIR)' LOGROTATEDIR='$(LOGROTATEDIR)' \
		INITDIR='$(INITDIR)' MANDIR='$(MANDIR)' BASHCOMPDIR='$(BASHCOMPDIR)' \
		ZSHCOMPDIR='$(ZSHCOMPDIR)' FISHCOMPDIR='$(FISHCOMPDIR)' INIT='$(INIT)' \
		SERVICE_NAME='$(SERVICE_NAME)' VENDOR='$(VENDOR)' COMPONENTS='$(COMPONENTS)'

dist:
	@$(BUILD_PYTHON) packaging/dist.py

packages:
	@$(BOOTSTRAP) need packages
	@./packaging/build.sh dist

clean:
	rm -rf .venv .tox .cache .mypy_cache .ruff_cache .pytest_cache build dist
	rm -rf agentcore.egg-info freebsd/agentcore_freebsd.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
