# aNode. `make` alone prints what there is.
.DEFAULT_GOAL := help

GO       ?= go
TOOLS    := $(CURDIR)/.tools
LINT     := $(TOOLS)/golangci-lint
LINT_VERSION := v2.15.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
FUZZTIME ?= 10s

# $(call gotest,flags,packages) runs tests. With RERUN=1, as in CI, a test that failed runs up to twice more, and what came of all is printed:
# a race, a third failure, or more than ten that failed (a test of parts counts beside them), is the end. CI vets in make lint.
GOTESTSUM := $(TOOLS)/gotestsum
GOTESTSUM_VERSION := v1.13.0
gotest = $(if $(RERUN),$(GOTESTSUM) --format pkgname --format-hide-empty-pkg --rerun-fails=2 --rerun-fails-max-failures=10 \
	--rerun-fails-abort-on-data-race --packages '$(strip $(2))' -- -vet=off,$(GO) test) $(1) $(if $(RERUN),,$(2))
tests := $(if $(RERUN),$(GOTESTSUM))

# What has long tests, but for those that have a command of their own below, and those of Cassandra's client: it is watched for races
# where there is a real server, which costs little beside it.
LONG := ./cmd/anode/e2e ./storage/history ./storage/journal ./storage/memory ./storage/replay ./storage/state ./testkit/cassandra/...
CLIENT := ./storage/cassandra ./actors/archive

# Their tests are of processes, which the race detector does not see.
PROCESSES := /e2e$$|/testkit/(archived|browser|cassandra|chaos|compose)(/|$$)
# A simulated mesh is one goroutine, from its clock to its disks: with SHORT it is left to make test.
UNRACED := $(PROCESSES)$(if $(SHORT),|/testkit/sim$$)

help: ## print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

go: # what everything else needs
	@command -v $(GO) >/dev/null || { echo "aNode is built with Go 1.26 or later (https://go.dev/dl), and there is no '$(GO)' on this machine"; exit 1; }

build: go ## build bin/anode
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/anode ./cmd/anode

demo: build ## a mesh of three nodes with demo feeds, a live view, keys to kill and revive nodes
	@bin/anode demo

test: go $(tests) ## run the tests; all they need is Go
	$(call gotest,,./...)

# A process with the race detector sleeps for a second at its end, and what fails then is seen in the first milliseconds too: of the commands that
# tests run, and of packages, there are hundreds.
race: go $(tests) ## run the tests with the race detector (SHORT=-short: a fifth of the random cases, as in CI)
	GORACE="atexit_sleep_ms=10 $$GORACE" $(call gotest,-race $(SHORT),$(shell $(GO) list ./... | grep -vE '$(UNRACED)'))

crash: go $(tests) ## the long tests: kills, power cuts, full disks, Cassandra in trouble
	ANODE_LONG=1 $(call gotest,-count=1 -timeout 20m,$(LONG))
	ANODE_LONG=1 $(call gotest,-race -count=1 -timeout 20m -skip OneOfThree,$(CLIENT))
	$(call gotest,-count=1 -timeout 20m,./testkit/archived)

chaos: go ## a quarter of an hour: a mesh of processes under random faults (ANODE_SEED=n repeats one), and every scenario
	ANODE_LONG=1 $(GO) test -count=1 -timeout 60m -v ./testkit/chaos

archived: go ## half an hour: a million records into a real Cassandra, outages and kills of it, three of them with one killed
	ANODE_LONG=1 ANODE_CASSANDRA=1 $(GO) test -count=1 -timeout 90m -v ./testkit/archived ./storage/cassandra

sim: go ## 10,000 random meshes under all faults, and the long scenarios
	ANODE_LONG=1 $(GO) test -count=1 -timeout 2h ./actors/gossip/core ./testkit/sim ./testkit/cluster

compose-test: go $(tests) ## docker-compose.yml under kills, cuts, scaling and upgrades, and a small container; needs Docker (testkit/docker; SHORT=-short does less)
	ANODE_COMPOSE=$(or $(ANODE_COMPOSE),try) $(call gotest,-count=1 -timeout 20m -v $(SHORT),./testkit/compose)

manifests: go ## hold deploy/kubernetes against the types of Kubernetes' API
	cd deploy/kubernetes/check && $(GO) test -count=1 ./...

alerts: go ## hold Prometheus's alerts and Grafana's board against Prometheus's engine, and what two real nodes tell
	cd deploy/prometheus/check && $(GO) test -count=1 ./...

release: go ## static binaries for linux and darwin, amd64 and arm64, and their checksums, in dist/; the same source and Go give the same bytes
	@rm -rf dist && mkdir dist
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
		echo "dist/anode-$(VERSION)-$${target%/*}-$${target#*/}"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS) -buildid=' \
			-o "dist/anode-$(VERSION)-$${target%/*}-$${target#*/}" ./cmd/anode || exit 1; \
	done
	@cd dist && if command -v sha256sum >/dev/null; then sha256sum anode-*; else shasum -a 256 anode-*; fi > SHA256SUMS

WEB := gateway/dashboard/web

web: ## check, test and build the dashboard into gateway/dashboard/dist, which the binary embeds; needs Node.js 20.19 or later
	@command -v npm >/dev/null || { echo "the dashboard is built with Node.js 20.19 or later (https://nodejs.org), and there is no 'npm' on this machine; the binary needs none: what it embeds is in gateway/dashboard/dist"; exit 1; }
	cd $(WEB) && npm ci --no-audit --no-fund && npm run check && npm test && npm run build

browser: go $(tests) ## look at the dashboard of a mesh in a real Chromium; needs `make web` for the rules of accessibility (ANODE_SCREENSHOTS=1 makes docs/img anew)
	ANODE_BROWSER=1 $(call gotest,-count=1 -timeout 10m -v,./testkit/browser)

# What takes long is to build: a package's binary is built once for all of its targets.
# A run whose time is up while an input is tried fails at times with no more than "context deadline exceeded", and has found nothing.
fuzz: go ## fuzz every decoder, FUZZTIME=10s each (PART=1/4: a quarter of the packages)
	@set -e; work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; cache=$$($(GO) env GOCACHE)/fuzz; \
	part="$(or $(PART),1/1)"; at=0; \
	for dir in $$(grep -rlE --include='*_test.go' '^func Fuzz' --exclude-dir=node_modules . | xargs -n1 dirname | sort -u); do \
		at=$$((at + 1)); [ $$((at % $${part#*/})) -eq $$(($${part%/*} % $${part#*/})) ] || continue; \
		$(GO) test -vet=off -c -fuzz=. -o "$$work/fuzz.test" "$$dir"; \
		for target in $$("$$work/fuzz.test" -test.list '^Fuzz'); do \
			echo "$$dir $$target"; \
			ended=0; (cd "$$dir" && "$$work/fuzz.test" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzcachedir "$$cache/anode/$${dir#./}") >"$$work/told" 2>&1 || ended=$$?; \
			cat "$$work/told"; \
			[ "$$ended" -eq 0 ] || { grep -q '^ *context deadline exceeded$$' "$$work/told" && ! grep -q 'Failing input' "$$work/told"; } || exit 1; \
		done; \
	done

lint: $(LINT) ## vet, formatting, and the walls between packages
	$(GO) vet ./...
	$(LINT) run ./...

fmt: $(LINT) ## format everything
	$(LINT) fmt ./...

$(GOTESTSUM): | go
	GOBIN=$(TOOLS) $(GO) install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)

$(LINT): .golangci.yml | go
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@touch $(LINT)

bench: build ## measure: journal, ingest, fan-out (docs/bench has the baselines)
	bin/anode bench journal
	bin/anode bench ingest
	bin/anode bench fanout --baseline

cassandra: go ## a real Cassandra at 127.0.0.1:9042 until Ctrl-C, for trying the archive (docs/cassandra.md; NODES=3)
	@$(GO) run ./testkit/cassandra/cmd/cassandra --nodes $(or $(NODES),1) --dir anode-data/cassandra-$(or $(NODES),1)

clean: ## remove what was built
	rm -rf bin dist .tools

.PHONY: browser help go build web release demo test race crash chaos archived compose-test manifests alerts sim fuzz lint fmt bench cassandra clean
