.DEFAULT_GOAL := help

help: ## print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

test: ## run every test
	go test ./...

race: ## run every test with the race detector
	go test -race ./...

.PHONY: help test race
