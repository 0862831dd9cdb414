# Two commands do everything on a fresh machine with Python 3.11 or newer and pip: make demo, make test.

PYTHON ?= python3
VENV := .venv
DEMO := .venv-demo

.PHONY: demo test lint types clean

demo: $(DEMO)/ready
	mkdir -p build
	$(DEMO)/bin/complaintnlp score data/samples/reviews.csv -o build/reviews.scored.csv --show 60

test: lint types
	$(VENV)/bin/pytest

lint: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/ready
	$(VENV)/bin/mypy

$(DEMO)/ready: pyproject.toml constraints.txt $(shell find src models -type f)
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt .
	touch $@

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) build
