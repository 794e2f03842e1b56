# Everything is done by the programs in .venv, which "make setup" fills from the locked requirements.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/pip --disable-pip-version-check --quiet
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-real test-node test-velero velero lint fmt type controlplane controlplane-down cluster cluster-down \
	image bench golden crds lock clean

help: ## these targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 22

setup: $(STAMP) ## .venv with the locked dependencies

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("kubeferry needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole walkthrough on this machine, no cluster needed
	$(BIN)/kubeferry demo

test: setup ## unit tests, sandbox, golden files
	$(BIN)/pytest

test-real: setup ## tests on real control planes and a real S3 server; builds them once (needs Go)
	@test -n "$$KUBEBUILDER_ASSETS" || hack/build.sh controlplane
	@hack/build.sh s3
	$(BIN)/pytest -m 'real or s3'

test-node: setup ## tests on real nodes with running pods; builds them once (root on Linux with cgroup v1, Go)
	$(BIN)/pytest -m node

velero: ## builds Velero's server and its S3 plugin once (needs Go)
	@hack/build.sh velero

test-velero: setup ## Velero itself judges archives, on real control planes; builds it once (needs Go)
	@test -n "$$KUBEBUILDER_ASSETS" || hack/build.sh controlplane
	@hack/build.sh s3
	@hack/build.sh velero
	$(BIN)/pytest -m velero

lint: setup ## ruff and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

fmt: setup ## formats the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: setup ## mypy, strict
	$(BIN)/mypy

controlplane: setup ## starts two real control planes to try things on; builds them once (needs Go)
	$(BIN)/python -m tests.standing up controlplane

controlplane-down: setup ## ends them
	$(BIN)/python -m tests.standing down controlplane

image: setup ## the container image, built without a container engine (docs/image.md)
	@$(BIN)/python hack/image.py

cluster: setup ## starts two real clusters with nodes and pods; builds them once (root on Linux with cgroup v1, Go; ARGS="--nodes 1 --keep")
	$(BIN)/python -m tests.standing up cluster $(ARGS)

cluster-down: setup ## ends them and leaves nothing behind
	$(BIN)/python -m tests.standing down cluster

bench: setup ## the benchmarks, on a real control plane (docs/performance.md)
	$(BIN)/python -m bench

golden: setup ## rewrites golden files and generated pages; look at the difference before you commit it
	$(BIN)/pytest --update-golden tests/golden tests/docs/test_pages.py

crds: setup ## rewrites deploy/crds.yaml from the types
	$(BIN)/kubeferry crds > deploy/crds.yaml

lock: ## rewrites requirements/ from pyproject.toml (needs uv)
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) --group build -o requirements/build.txt
	$(LOCK) pyproject.toml --group dev -o requirements/dev.txt

clean: ## removes what these targets made
	@test ! -e .controlplane/lock || $(MAKE) controlplane-down
	@test ! -e .cluster/lock || $(MAKE) cluster-down
	rm -rf .venv .controlplane .cluster .node-logs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
