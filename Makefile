# Two commands matter: `make demo` and `make test`. Everything lives in .venv; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What a worker and its demonstration need, which is a third of what the tests do.
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.installed
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; n = os.cpu_count() or 1; print(max(2 * n, 6))')
SOURCES := connect plugins converters transforms examples bench tests

.PHONY: install demo test test-long mutation lint style types bench clean

install: $(STAMP)

$(RUNS): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Connect needs Python >= 3.11, this is %s: call make with PYTHON=/path/to/python3.11" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[postgres-demo]'
	@touch $@

$(STAMP): $(RUNS)
	$(PIP) --editable '.[dev]'
	@touch $@

# KEEP=1 leaves everything running until Ctrl-C.
demo: $(RUNS)
	$(BIN)/python -m bench.demo $(if $(KEEP),--keep)

# Two processes of tests a core and six at least, since more than a third of a test is waiting. Tests are collected once,
# and the processes, which are forks, take work from each other. Types and imports are checked beside them, and what that
# says comes at the end. A few that failed are run once more with nothing beside them: a defect fails there, too, and
# what only a busy machine brings is said, and does not end the run.
test: style
	@said=$$(mktemp); trap 'rm -f "$$said"' EXIT; \
	{ $(BIN)/mypy && $(BIN)/lint-imports; } >"$$said" 2>&1 & types=$$!; \
	failed=0; $(BIN)/python -m pytest -p tests.processes --processes $(TEST_PROCESSES) || failed=$$?; \
	if [ $$failed -eq 1 ] && [ "$$($(BIN)/python -m tests.again)" = few ]; then \
	  echo "what failed beside others is run once more, alone:"; \
	  failed=0; $(BIN)/python -m pytest --last-failed --last-failed-no-failures none || failed=$$?; fi; \
	wait $$types || failed=$$?; cat "$$said"; exit $$failed

# Every test, and those that kill, cut, call and compare for as long as they are worth it: a night. What is longer than
# in `make test`, and by how much: docs/explanation/testing.md. One after the other, so that none starves.
test-long: install
	CONNECT_LONG=1 $(BIN)/python -m pytest

# Do the tests notice a change? MUTATE names modules or folders, SAMPLE how many changes of each are tried at most.
mutation: install
	$(BIN)/python -m tests.mutation --sample $(or $(SAMPLE),30) $(or $(MUTATE),connect/codec)

lint: style types

style: install
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: install
	$(BIN)/mypy
	$(BIN)/lint-imports

# RECORDS=100000 for a quick run. ENGINE=kafka: beside Java's Kafka Connect on one broker, which needs a JDK and Maven.
bench: install
ifeq ($(ENGINE),kafka)
	$(BIN)/python -m bench.kafka $(if $(RECORDS),--records $(RECORDS))
else
	$(BIN)/python -m bench $(if $(RECORDS),--records $(RECORDS))
	$(BIN)/python -m bench.transforms
	$(BIN)/python -m bench.converters
	$(BIN)/python -m bench.rest
	$(BIN)/python -m bench.registry
	$(BIN)/python -m bench.metrics
	$(BIN)/python -m bench.start
endif

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
