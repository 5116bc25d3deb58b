# cafeprobe. `make` lists the targets. Variables: FUZZTIME=30s  PCAP=file  BENCHTIME=1s

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO ?= go
FUZZTIME ?= 30s
BENCHTIME ?= 1s
LINT := $(GO) tool -modfile=tools/lint/go.mod
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# What runs on the box is pure Go: one build crosses to every board.
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help run test check fmt vet lint vuln unit accuracy cross fuzz bench bench-capture bench-live bench-uplink instructions lab netns replay soak image uboot qemu e2e clean packages-test packages-lab packages-bench packages-image packages-qemu packages-uboot

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# set -m gives cafeprobe the terminal: Ctrl-C then ends it, in order and with status 0, and does not kill make beside it.
run: bin ## the whole walk: replay the project's own café to a province of its own, and show its page
	@set -m; bin/cafeprobe run || exit

.PHONY: broker
broker: packages-test bin ## a mosquitto as provinces run it, on loopback, with test certificates, until Ctrl-C
	@bin/cafeprobe province try-mosquitto

.PHONY: bin
bin:
	@mkdir -p bin
	@$(GO) build -o bin/ ./tools/cafeprobe ./firmware/cafeprobed

test: packages-test check cross unit accuracy ## all that must hold before a change lands

check: fmt vet lint ## formatting, vet, staticcheck

fmt: ## say which files gofumpt would change
	@out=$$($(LINT) gofumpt -l board capture firmware tools uplink); \
	if [ -n "$$out" ]; then echo "gofumpt would change (run: $(LINT) gofumpt -w FILE):"; echo "$$out"; exit 1; fi

vet: ## go vet
	@$(GO) vet ./...

lint: ## staticcheck
	@$(LINT) staticcheck ./...

vuln: ## known vulnerabilities of what we link; asks the Go vulnerability database over the network
	@$(LINT) govulncheck ./...

# Packages that may start no goroutine (tools/archtest holds them to it) have no races; the detector makes them ten times slower.
PURE := ./board ./firmware/health ./firmware/console ./capture ./capture/decode ./capture/flow ./capture/title ./firmware/cafe ./firmware/evidence ./firmware/state \
  ./firmware/hours ./firmware/account ./tools/mix ./tools/sim ./tools/sim/shape ./tools/sim/sight ./tools/sim/wire

# The crash images of cards open a spool in one goroutine, each with a process that checks it; of floods the live one shows
# races as well. Of the others, of the day, of a room's million frames and of images the detector makes minutes.
SLOW := Test(PowerCut|LyingCard|FloodOf|Day$$|Save$$|Reproducible|Trees$$|Selector$$)

unit: ## all tests but accuracy's, with the race detector where there are goroutines
	@CGO_ENABLED=1 $(GO) test -race -timeout 20m -skip '^TestAccuracy$$|^$(SLOW)' $$(comm -23 <($(GO) list ./... | sort) <($(GO) list $(PURE) | sort))
	@$(GO) test $(PURE)
	@$(GO) test -run '^$(SLOW)' ./uplink/spool ./firmware/pipeline ./firmware/image ./tools/cafeprobe/simulate

soak: packages-test ## the long tests; at the end a table of what must hold and what was measured, pictures in out/soak (two to three hours)
	@$(GO) run ./tools/soak

.PHONY: recordings
recordings: packages-test ## what cafeprobe check says in 18 cafés of network namespaces, each with one thing wrong, for doc/CHECK.md: in out/check (root, 25 minutes)
	@$(SUDO) env "PATH=$$PATH" SOAK=1 CHECK_RECORDINGS=$(CURDIR)/out/check $(GO) test -count=1 -timeout 40m -run '^TestCheck$$' ./tools/cafeprobe/checktest

accuracy: packages-test ## compare with what is known: inspect with captures and the own lab, states and nights with 200 made-up rooms; prints the tables, pictures in out/accuracy
	@$(GO) test -count=1 -run '^TestAccuracy$$' -v ./tools/cafeprobe/inspect ./tools/sim/judge | grep -v '^=== '

cross: ## build all that runs on the box for arm64 and armv7
	@GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./firmware/cafeprobed ./firmware/updater
	@GOARCH=arm GOARM=7 CGO_ENABLED=0 $(GO) build -o /dev/null ./firmware/cafeprobed
	@GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./board/... ./capture/... ./firmware/... ./uplink/... 2>&1 | (grep -v 'matched no packages' || true)
	@GOARCH=arm GOARM=7 CGO_ENABLED=0 $(GO) build ./board/... ./capture/... ./firmware/... ./uplink/... 2>&1 | (grep -v 'matched no packages' || true)

# go test reports "context deadline exceeded" where the time ends while an input is made smaller (golang/go#48591): with no
# failing input written that is no finding.
fuzz: ## every fuzz target for FUZZTIME; goes on behind a finding and lists them at the end
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; found=; \
	for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; \
	    $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg 2>&1 | tee "$$log" || \
	      { grep -q 'context deadline exceeded' "$$log" && ! grep -q 'Failing input' "$$log"; } || found="$$found $$pkg.$$f"; \
	  done; \
	done; \
	if [ -n "$$found" ]; then echo "findings:$$found"; exit 1; fi; echo "no findings"

bench: ## ns and allocations a frame over the captures
	@$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./capture/... ./firmware/... ./uplink/...

ROUNDS ?= 5

instructions: packages-test ## instructions a frame takes, which tests hold to tools/bench/instructions.tsv
	@$(GO) test -count=1 -run '^TestInstructions$$' -v ./tools/bench | grep -v '^=== '

bench-capture: packages-bench bin ## inspect on a full café of 1.5 million frames, beside ndpiReader, softflowd, p0f, argus, tshark and a read loop; prints a table
	@$(GO) build -o bin/ ./tools/bench && bin/bench -rounds $(ROUNDS)

bench-uplink: packages-test ## the uplink with its real peers: records/s, memory, latencies, beside the raw parts (8 to 11 minutes); prints a table
	@$(GO) test -run '^$$' -bench '^BenchmarkUplink$$' -benchtime 1x -timeout 30m ./tools/e2e

SCENE ?= both

lab: packages-lab ## record the project's own captures anew from real clients in network namespaces: an evening and a morning (root, 30 minutes; SCENE=evening, day, short)
	@$(SUDO) env "PATH=$$PATH" $(GO) run ./tools/lab -scene $(SCENE) -out out/lab

ROOM ?= $(if $(PLAIN),plain,mirror)
SPEED ?= 1

netns: packages-lab bin ## a café of real clients in network namespaces, the daemon live at its switch, after some minutes of a morning (root, 15 minutes; PLAIN=1: a plain port)
	@$(SUDO) env "PATH=$$PATH" $(GO) test -count=1 -run '^TestShortMorning$$' ./tools/lab
	@$(SUDO) env "PATH=$$PATH" $(GO) run ./tools/lab -live bin/cafeprobed -room $(ROOM) -speed $(SPEED)

bench-live: ## the frames a second that one core takes from a veth pair and decodes without a loss (root, a quiet machine)
	@$(GO) build -o bin/ ./tools/benchlive && $(SUDO) bin/benchlive

replay: bin ## what the box sees in a capture: make replay PCAP=file
	@bin/cafeprobe inspect $(PCAP)

BOARD ?= qemu-arm64
RELEASE ?= 0.0.0-dev
NUMBER ?= 1

image: packages-image bin ## the image of a board, in out/image/BOARD: make image BOARD=qemu-arm64 (RELEASE=2026.11.0 NUMBER=12 ROOT=root.json)
	@bin/cafeprobe image --release $(RELEASE) --number $(NUMBER) $(if $(ROOT),--root $(ROOT)) $(BOARD)

uboot: packages-uboot bin ## a board's boot loader, hardened, of Debian's source, in out/uboot/BOARD (80 to 100 s on a quiet machine)
	@bin/cafeprobe uboot $(BOARD)

qemu: packages-image packages-qemu bin ## an image that QEMU boots (BOARD=qemu-arm64 or pc), fed with the project's evening at its pace, and the province's page (SPEED=6; about 16 minutes at 1)
	@bin/cafeprobe image $(BOARD)
	@set -m; bin/cafeprobe qemu --image out/image/$(BOARD) --speed $(SPEED) || exit

e2e: packages-test packages-qemu image ## an image in QEMU (BOARD=qemu-arm64 or pc): boot, silence, update, roll-back, power cuts; writes the record that cafeprobe release sign wants, tests.json beside it (RELEASE, NUMBER, ROOT as of make image)
	@$(GO) run ./tools/green -board $(BOARD)

clean: ## remove what was built
	rm -rf bin out

# Debian packages, installed where they are missing. `make run` needs none.
define packages
	@missing=; for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing Debian packages:$$missing"; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

packages-test:
	$(call packages,gcc libc6-dev git iproute2 ethtool openssl mosquitto mosquitto-clients chromium fonts-dejavu-core valgrind dosfstools mtools fdisk cpio device-tree-compiler u-boot-tools qemu-system-arm qemu-system-x86 ovmf u-boot-qemu dnsmasq-base nftables poppler-utils)

packages-lab:
	$(call packages,iproute2 ethtool dnsmasq-base isc-dhcp-client curl samba avahi-daemon qemu-system-x86 ipxe-qemu chromium)

packages-bench:
	$(call packages,libndpi-bin softflowd p0f argus-server tshark)

packages-image:
	$(call packages,git dpkg dosfstools e2fsprogs mtools)

packages-qemu:
	$(call packages,qemu-system-arm qemu-system-x86 ovmf)

packages-uboot:
	$(call packages,dpkg make patch bc bison flex gcc gcc-aarch64-linux-gnu libc6-dev libgnutls28-dev libssl-dev uuid-dev python3-dev python3-pyelftools python3-setuptools swig)
