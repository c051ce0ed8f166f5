# `make` alone lists the targets. Each sets up what it needs in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
# Second starts are quick by the bytecode of the first, also where the environment says to leave none.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup serve test test-aws check check-infra check-workflows bench conformance clean lock deploy url sign-in token rotate-key destroy smoke

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit("Burgee needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The package itself is not copied into the environment: a .pth file points at src, so edits count at once.
$(VENV)/.installed: $(VENV)/.created requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "burgee-src.pth").write_text(str(pathlib.Path("src").resolve()) + "\n")'
	@printf '#!/bin/sh\nexec "%s/python" -m burgee "$$@"\n' "$(CURDIR)/$(BIN)" > $(BIN)/burgee && chmod +x $(BIN)/burgee
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

$(VENV)/.installed-aws: $(VENV)/.installed-dev requirements-aws.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-aws.lock
	@touch $@

setup: $(VENV)/.installed ## Make the environment and nothing else

serve: $(VENV)/.installed ## Start the server on 127.0.0.1:8016 (ARGS="--port 9000 --workers 2")
	@exec $(BIN)/python -m burgee serve $(ARGS)

test: $(VENV)/.installed-dev ## Run the tests (ARGS="-k publish")
	$(BIN)/python -m pytest -m "not conformance and not clients and not aws and not infra" $(ARGS)

test-aws: $(VENV)/.installed-aws ## Run what needs emulators of AWS (node for dynalite)
	$(BIN)/python -m pytest -m aws $(ARGS)

conformance: $(VENV)/.installed-dev ## Run other people's test data against Burgee (BURGEE_CONFORMANCE_DIR)
	$(BIN)/python -m pytest -m conformance $(ARGS)

check: $(VENV)/.installed-dev ## Style, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What reads the template has environments of its own: checkov's pins go with nobody else's.
.venv-infra/.installed: infra/requirements-check.lock
	$(PYTHON) -m venv .venv-infra
	.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

.venv-checkov/.installed: infra/requirements-checkov.lock
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

check-infra: .venv-infra/.installed .venv-checkov/.installed ## Translate the template, lint it, check its roles
	PYTHONPATH=src .venv-infra/bin/python -m pytest -m infra tests/infra $(ARGS)

# By its version in Go's checksum database; it knows what no test of ours does, such as the contexts of each key.
check-workflows: ## Lint the workflows (go)
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.7 .github/workflows/*.yml

# The peers that Burgee is compared with live in an environment of their own, never in the product's.
.venv-bench/.installed: benchmarks/requirements.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement benchmarks/requirements.lock
	@touch $@

bench: $(VENV)/.installed .venv-bench/.installed ## Measure against peers, in one interleaved run (ARGS="--quick")
	.venv-bench/bin/python benchmarks/run.py $(ARGS)

# Needs AWS credentials and a region in the environment; docs/start/lambda.md says how to come by them.
.venv-sam/.installed: infra/requirements-sam.lock
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	@touch $@

ENV ?= staging
STAGE := .venv-sam/bin/python -m infra.deploy

deploy: .venv-sam/.installed ## Build and deploy a stage (ENV=staging, to believe an issuer too PUBLIC_KEY=issuer.pem)
	$(STAGE) deploy $(ENV) $(if $(PUBLIC_KEY),--public-key $(PUBLIC_KEY))

url: .venv-sam/.installed ## Print where a stage is (ENV=staging); make logs-<function> follows its logs
	@$(STAGE) url $(ENV)

sign-in: .venv-sam/.installed ## Print a link that signs one browser in as administrator, once (ENV=staging)
	@$(STAGE) sign-in $(ENV)

token: .venv-sam/.installed ## Print a token (ENV=staging ROLE=admin TTL=3600)
	@$(STAGE) token $(ENV) $(if $(ROLE),--role $(ROLE)) $(if $(TTL),--seconds $(TTL))

rotate-key: .venv-sam/.installed ## Sign by a new key (ENV=staging, FORGET=yes to believe no former one)
	$(STAGE) rotate-key $(ENV) $(if $(FORGET),--forget) $(if $(PUBLIC_KEY),--public-key $(PUBLIC_KEY))

# logs-evaluate, logs-manage, logs-limiter, logs-publish-snapshot, logs-audit, logs-usage: follow the log of a function.
logs-%: .venv-sam/.installed
	$(STAGE) logs $(ENV) $*

destroy: .venv-sam/.installed ## Delete a stage, its data only with DATA=yes (ENV=staging YES=staging)
	$(STAGE) destroy $(ENV) --yes "$(YES)" $(if $(filter yes,$(DATA)),--data)

smoke: .venv-sam/.installed ## Try a deployed stage (ENV=staging); it stops for some seconds
	.venv-sam/bin/python -m infra.smoke $(ENV)

lock: $(VENV)/.created ## Resolve the lock files again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet pyproject.toml requirements-dev.in -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet requirements-aws.in -c requirements-dev.lock -o requirements-aws.lock
	for name in check checkov sam; do $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet infra/requirements-$$name.in -o infra/requirements-$$name.lock || exit 1; done
	for name in evaluate manage; do $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet infra/functions/$$name.in -c requirements.lock -c requirements-aws.lock -o infra/functions/$$name.lock || exit 1; done
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet pyproject.toml --extra aws -c requirements.lock -c requirements-aws.lock -o infra/container/requirements.lock

clean: ## Remove everything that make created
	rm -rf $(VENV) .venv-bench .venv-infra .venv-checkov .venv-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
