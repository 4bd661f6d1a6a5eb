# What is done with this repository. Arguments go in ARGS: make run ARGS="--submissions 500",
# make test ARGS=reconcile.

.DEFAULT_GOAL := help
.PHONY: help run build test bench fmt lint docs schema clean

# rustup puts cargo here, and a shell that was open before does not know it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

CARGO ?= cargo

# The tests of GraphQL over HTTP that are not ours come by npm; npm ci leaves this file behind.
AUDIT := tests/graphql-http
AUDIT_MODULES := $(if $(wildcard $(AUDIT)/package-lock.json),$(AUDIT)/node_modules/.package-lock.json)

help: ## Show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

run: ## Run the demo: a private PostgreSQL, a platform simulator, real submissions, GraphiQL
	@scripts/setup run
	$(CARGO) run --release -- demo $(ARGS)

build: ## Build target/release/countersign
	@scripts/setup build
	$(CARGO) build --release $(ARGS)

test: ## Run every test, on a PostgreSQL of their own
	@scripts/setup test
	@$(MAKE) --no-print-directory test-run

# A second make, so that what set-up installed is there when this one looks.
.PHONY: test-run
test-run: $(AUDIT_MODULES)
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -x; \
		scripts/test-postgres $(CARGO) nextest run $(ARGS) && \
		$(CARGO) test --doc; \
	else \
		set -x; \
		scripts/test-postgres $(CARGO) test $(ARGS); \
	fi

$(AUDIT)/node_modules/.package-lock.json: $(AUDIT)/package-lock.json
	cd $(AUDIT) && npm ci --no-audit --no-fund
	@touch $@

bench: ## Measure submissions, reconciliations, alerts and memory
	@scripts/setup bench
	$(CARGO) bench $(ARGS)

fmt: ## Format the code
	$(CARGO) fmt

lint: ## Check the format, clippy's lints and the scripts
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	@shells=$$(grep -lE '^#!(/bin/|/usr/bin/env )(ba)?sh' scripts/* .ci/run); \
	for script in $$shells; do bash -n $$script || exit 1; done; \
	if command -v shellcheck >/dev/null; then shellcheck $$shells; fi

docs: ## Build the documentation of the code, with warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

schema: ## Write schema.graphql from the code and src/db/schema.rs from the migrations
	@scripts/setup run
	$(CARGO) run --quiet -- schema > schema.graphql.new
	mv schema.graphql.new schema.graphql
	UPDATE_SCHEMA=1 scripts/test-postgres $(CARGO) test --test it schema

clean: ## Remove what was built
	$(CARGO) clean
	rm -rf $(AUDIT)/node_modules
