.DEFAULT_GOAL := help
.PHONY: help run test long chaos bench image lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## watch call events flow through local servers; Ctrl-C stops and verifies
	@scripts/run-local.sh

test: ## all tests, as CI runs them
	@scripts/test.sh

long: ## all tests with many more random histories and every mutation; before a release
	@scripts/test.sh --long

chaos: ## two minutes of random faults, and the verification
	@scripts/chaos.sh --minutes 2

bench: ## all benchmarks but the soak
	@scripts/bench.sh

image: ## the container image of both programs, for amd64 and arm64
	@scripts/image.sh

lint: ## go vet and staticcheck, in every module
	@scripts/lint.sh

clean: ## remove what the scripts installed and built, but no data
	rm -rf .local scripts/servers/node_modules
