# aNode. `make` alone prints what there is.
.DEFAULT_GOAL := help

GO       ?= go
TOOLS    := $(CURDIR)/.tools
LINT     := $(TOOLS)/golangci-lint
LINT_VERSION := v2.15.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 10s

help: ## print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

go: # what everything else needs
	@command -v $(GO) >/dev/null || { echo "aNode is built with Go 1.26 or later (https://go.dev/dl), and there is no '$(GO)' on this machine"; exit 1; }

build: go ## build bin/anode
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/anode ./cmd/anode

demo: build ## one node with demo feeds, and a live view of it
	@bin/anode demo

test: go ## run every test; all it needs is Go
	$(GO) test ./...

race: go ## run the tests with the race detector
	$(GO) test -race ./...

crash: go ## the long tests: kills, power cuts, full disks
	ANODE_LONG=1 $(GO) test -count=1 -timeout 20m ./cmd/anode/... ./storage/... $$($(GO) list ./testkit/... | grep -v /sim$$)

sim: go ## 10,000 random meshes under all faults, and the long scenarios
	ANODE_LONG=1 $(GO) test -count=1 -timeout 2h ./actors/gossip/core ./testkit/sim

fuzz: go ## fuzz every decoder, FUZZTIME=10s each
	@$(GO) list ./... | while read -r pkg; do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

lint: $(LINT) ## vet, formatting, and the walls between packages
	$(GO) vet ./...
	$(LINT) run ./...

fmt: $(LINT) ## format everything
	$(LINT) fmt ./...

$(LINT): .golangci.yml | go
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@touch $(LINT)

bench: build ## measure: journal, ingest, fan-out (docs/bench has the baselines)
	bin/anode bench journal
	bin/anode bench ingest
	bin/anode bench fanout --baseline

clean: ## remove what was built
	rm -rf bin dist .tools

.PHONY: help go build demo test race crash sim fuzz lint fmt bench clean
