# The few commands of this repository. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := . dev dev/standins $(patsubst %/pyproject.toml,%,$(wildcard services/*/pyproject.toml))
SERVICES := $(wildcard services/*/*_service)
PROJECTS := $(patsubst %,%/pyproject.toml,$(PACKAGES))

.PHONY: help install demo test test-fast chaos chaos-stores chaos-orders bench bench-services lint images push cluster-up cluster-down clean lock generate

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | sort \
	  | awk -F'\t' '{ printf "  \033[36mmake %-14s\033[0m %s\n", $$1, $$2 }'

install: $(VENV)/.installed ## Make .venv with the `storefront` and `storefront-dev` commands
	@echo "Ready: $(BIN)/storefront and $(BIN)/storefront-dev"

$(BIN)/uv: $(wildcard requirements/bootstrap.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; found $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.installed: $(BIN)/uv requirements/workspace.txt $(PROJECTS)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/workspace.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@

demo: install ## Run a real Storefront on a real cluster; prints its URL
	@$(BIN)/storefront-dev demo

test: install ## Run every test (installs what it needs; REQUIRE_NODES=1 makes a skipped cluster test a failure)
	@$(BIN)/storefront-dev test

test-fast: install ## Run the tests that need no cluster
	@$(BIN)/storefront-dev test --fast

chaos: install ## Run the whole fault suite against a real API server (long)
	@CHAOS=full $(BIN)/pytest tests/chaos -m "chaos or sabotage"
	@$(MAKE) --no-print-directory chaos-stores
	@$(MAKE) --no-print-directory chaos-orders

chaos-stores: install ## Break the four stores under load, ten rounds, and print what it cost (STORE_ROUNDS=n; long)
	@REQUIRE_NODES=1 STORE_ROUNDS=$${STORE_ROUNDS:-10} $(BIN)/pytest tests/chaos/stores -s

chaos-orders: install ## Let 500 customers buy while a broker and the PostgreSQL primary are killed, and compare all books (ORDERS=n)
	@REQUIRE_NODES=1 ORDERS=$${ORDERS:-500} $(BIN)/pytest tests/e2e/test_shop.py -k "orders_survive" -s

bench: install ## Measure the operator against kubectl, helm and a bare client (the services: bench-services)
	@$(BIN)/python -m bench

bench-services: install ## Measure the deployed services against handlers written by hand
	@$(BIN)/python -m bench.services

lint: install ## Check format, style, types and the import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy operator/storefront_operator dev/storefront_dev images/postgres/*.py images/rabbitmq/*.py images/redis/storefront_redis services/contracts tests/chaos
	@for package in services/common/storefront_common $(SERVICES) dev/standins/storefront_standins; do \
	  echo "mypy $$package"; \
	  (cd $$(dirname $$package) && $(CURDIR)/$(BIN)/mypy $$(basename $$package)) || exit 1; done
	$(BIN)/lint-imports

images: install ## Build the images whose inputs changed and load them into the cluster
	@$(BIN)/storefront-dev images --load

push: install ## Build the images and push them: make push REGISTRY=registry.example.com/team
	@test -n "$(REGISTRY)" || { echo "Say where to: make push REGISTRY=registry.example.com/team"; exit 2; }
	@$(BIN)/storefront-dev images --push $(REGISTRY)

cluster-up: install ## Start the embedded three-node cluster
	@$(BIN)/storefront-dev cluster up

cluster-down: install ## Stop the embedded cluster and leave nothing behind
	@$(BIN)/storefront-dev cluster down

generate: install ## Rewrite what is generated: CRD, golden manifests, OpenAPI documents, states of an order
	$(BIN)/storefront crd > crds/storefronts.storefront.dev.yaml
	$(BIN)/storefront render examples/quickstart.yaml > tests/unit/golden/quickstart.yaml
	SHOP_NAME=Storefront SHOP_URL=https://shop.example.com MAIL_FROM=shop@example.com \
	  $(BIN)/notification-service preview tests/unit/services/notification/golden
	$(BIN)/python -m services.contracts.openapi_documents
	$(BIN)/python -m services.contracts.settings_page
	$(BIN)/python -m order_service.orders.diagram > docs/services/order-states.md
	$(BIN)/python -m storefront_common.events.contracts services/contracts/events

lock: $(BIN)/uv ## Resolve requirements/*.in anew into the locked *.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate $(UPGRADE) \
	  requirements/*.in -o requirements/constraints.txt
	@for part in $(basename $(notdir $(wildcard requirements/*.in))); do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --generate-hashes \
	    -c requirements/constraints.txt requirements/$$part.in -o requirements/$$part.txt || exit 1; done
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --generate-hashes \
	  -c requirements/constraints.txt $(filter-out requirements/bootstrap.in,$(wildcard requirements/*.in)) -o requirements/workspace.txt

clean: ## Remove what was built in the tree (the cluster and its caches stay)
	rm -rf $(VENV) artifacts dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache services/web/*/node_modules services/web/*/dist
