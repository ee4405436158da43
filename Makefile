.DEFAULT_GOAL := help
.PHONY: help run test lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## watch call events flow through local servers; Ctrl-C stops and verifies
	@scripts/run-local.sh

test: ## all tests, as CI runs them
	@scripts/test.sh

lint: ## golangci-lint, version 2
	golangci-lint run ./...
	cd scripts/servers/s3 && golangci-lint run ./...

clean: ## remove what the scripts installed and built, but no data
	rm -rf .local scripts/servers/node_modules
