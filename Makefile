# Everything a person does here. The environment is made on the first use and made anew when
# pyproject.toml or .ci/constraints.txt changes; nothing outside this folder is touched.
.PHONY: run test lint bench screens soak fuzz foreign mutants constraints clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c .ci/constraints.txt
# uv does in seconds what takes pip a minute. It reads none of pip's settings: whoever has pointed pip at an index of
# their own gets pip, and so does everybody where uv fails.
UV = UV_LINK_MODE=copy $(BIN)/uv pip install --quiet --python $(BIN)/python --cache-dir $(VENV)/.uv -c .ci/constraints.txt
define INSTALL_QUICKLY
! $(BIN)/python -m pip config list | grep -q '[.]index.url=' \
&& $(PIP) uv && $(UV) -e '.[dev]' && $(UV) --no-deps empyrical-reloaded && rm -rf $(VENV)/.uv
endef
WORKERS ?= 2

# Whoever forbids Python to keep what it has compiled pays for it at each of the hundreds of starts of a test run.
export PYTHONDONTWRITEBYTECODE :=

# The first interpreter that runs, is 3.11 or newer and can make an environment.
define FIND_PYTHON
for p in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
  if command -v "$$p" >/dev/null 2>&1 && "$$p" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
  then echo "$$p"; exit 0; fi; done; \
echo "stableconsole needs Python 3.11 or newer with venv: install the package python3-venv (or python3.11-venv)" >&2; exit 1
endef

$(STAMP): pyproject.toml .ci/constraints.txt
	@python=$$($(FIND_PYTHON)) || exit 1; \
	echo "making $(VENV) with $$python" >&2; \
	rm -rf $(VENV); "$$python" -m compileall -q console screens services themes & \
	"$$python" -m venv $(VENV) \
	&& { { $(INSTALL_QUICKLY); } 2>/dev/null || { $(PIP) -e '.[dev]' && $(PIP) --no-deps empyrical-reloaded; }; } \
	&& $(BIN)/python -m compileall -q -j 0 -x '/(ccxt|pandas|scipy|numpy|tests?)/' $(VENV)/lib \
	&& wait && touch $(STAMP)

run: $(STAMP) ## set up and start the default world
	@$(BIN)/stableconsole

test: $(STAMP) ## set up and pass the tests
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not bench and not foreign and not soak" $(ARGS)

lint: $(STAMP) ## style, strict types, the floors of the house
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(STAMP) ## speed, side by side in one run
	@test -x .peers/venv/bin/harlequin || { "$$($(FIND_PYTHON))" -m venv .peers/venv \
	  && .peers/venv/bin/python -m pip install --quiet 'harlequin==2.17.0'; } \
	  || echo "harlequin cannot be had here: first frames are not compared with its own"
	@$(BIN)/python -m pytest -q -s -m bench tests/bench $(ARGS)

foreign: $(STAMP) ## clients of 2022, unmodified, on the served exchange
	@test -d .foreign/venv || { "$$($(FIND_PYTHON))" -m venv .foreign/venv \
	  && .foreign/venv/bin/python -m pip install --quiet 'ccxt==2.1.50' 'ftx==1.2.0' 'aiohttp<3.9' 'setuptools<70'; }
	@test -d .foreign/node_modules || npm install --silent --prefix .foreign ftx-api@1.1.14
	@$(BIN)/python -m pytest -q -m foreign tests/foreign $(ARGS)

screens: $(STAMP) ## draw the screenshots of the README again
	@$(BIN)/python -m tests.screens.export docs/screens

soak: $(STAMP) ## the long random runs
	@STABLECONSOLE_SOAK=1 $(BIN)/python -m pytest -q -m "not bench and not tmux" tests/execution tests/drive tests/history/test_mixed_schedules.py tests/kill tests/risk tests/safety tests/sim tests/desk tests/adversary tests/storm tests/lockstep tests/e2e/test_random_keys.py tests/e2e/test_random_kills.py $(ARGS)

fuzz: $(STAMP) ## every parser under a coverage-guided fuzzer, a minute each (ARGS="--seconds N TARGET …")
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris==3.0.0' || true
	@$(BIN)/python -m tests.fuzz.run $(ARGS)

mutants: $(STAMP) ## change the rooms that guard the money, a little at a time: does a test notice? (hours)
	@$(BIN)/python -m tests.mutation.run $(or $(ROOMS),services/risk services/execution services/portfolio/margin.py) $(ARGS)

constraints: $(STAMP) ## write down the versions that are installed now
	@$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' > .ci/constraints.txt

clean:
	@rm -rf $(VENV) .foreign .peers dist
