# The commands anyone has to know. Each target installs what it needs and lacks (Debian's apt-get).
.PHONY: demo run test test-slow test-kill bench bench-instructions bench-inference bench-receive bench-last-slice
.PHONY: test-browser device-test cross cross-test cross-count image boot-test boot-test-short miri fuzz check deny prerequisites peers train help clean

CARGO ?= cargo
PROFILE ?= release
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: prerequisites ## the whole loop: phantom over DICOM to the daemon, alert caught, picture drawn
	$(CARGO) build --locked --$(PROFILE)
	./target/$(PROFILE)/parotidd demo --out demo

run: prerequisites ## the daemon on loopback, data in ./var
	$(CARGO) run --locked --$(PROFILE) -- run

test: prerequisites peers ## every test that CI runs
	$(CARGO) test --locked

test-slow: prerequisites ## gland centres on all real CTs kept out of training (needs ../shared/data)
	RUN_SLOW_TESTS=1 $(CARGO) test --locked --test it -- real_ct --nocapture

test-kill: prerequisites peers ## a hundred kills between a result and its receipts
	RUN_SLOW_TESTS=1 $(CARGO) test --locked --test it -- daemon::receipts --nocapture

bench: prerequisites ## layers, networks and images on one thread, peak NAME FRACTION; ONLY=conv for some; then bench-receive
	$(CARGO) bench --locked --bench throughput -- $(ONLY)
	$(if $(ONLY),,$(MAKE) bench-receive)

COUNT_INSTRUCTIONS = python3 tests/bench/instructions.py \
  "$$(ls -t target/release/deps/instructions-* | grep -v '\.d$$' | head -1)" tests/bench/instructions.toml
bench-instructions: prerequisites ## instructions under callgrind against those accepted; ACCEPT=1 takes them
	@command -v valgrind >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q valgrind; }
	$(CARGO) bench --locked --bench instructions --no-run
	$(COUNT_INSTRUCTIONS) $(if $(ACCEPT),--accept)

# onnxruntime in an environment of its own; models/training's, which has it, where that is there.
BENCH_PYTHON ?= $(firstword $(wildcard models/training/.venv/bin/python) target/bench-venv/bin/python)
ONNXRUNTIME = $(BENCH_PYTHON) -c 'import onnx, onnxruntime, pydicom, scipy' 2>/dev/null || { python3 -m venv target/bench-venv && \
  target/bench-venv/bin/pip install --quiet --requirement tests/bench/requirements.txt; }

# npm's packages beside the tests; the browser is Debian's.
BROWSER = command -v chromium >/dev/null && command -v npm >/dev/null && command -v storescu >/dev/null || { \
  $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q chromium dcmtk fonts-dejavu-core npm; }
test-browser: prerequisites ## the console in Chromium: log in, images, acknowledge, keyboard, axe, speed; ONLY=wrong for some
	@$(BROWSER)
	$(CARGO) build --locked --release
	cd tests/browser && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --silent
	cd tests/browser && npx playwright test $(if $(ONLY),-g "$(ONLY)")

cross: prerequisites ## the program for arm64, in target/aarch64-unknown-linux-gnu/release
	tests/cross/build.sh

cross-test: prerequisites ## the inference tests on emulated arm64, with dot products of bytes and without
	tests/cross/test.sh

cross-count: prerequisites ## arm64 instructions of one answer, 8 bits against f32
	@$(ONNXRUNTIME)
	PYTHON=$(BENCH_PYTHON) tests/cross/count.sh

image: ## the appliance's disk image and its update, as root; BOARD=qemu-aarch64|rpi-cm4|jetson-orin-nano|generic-x86_64
	image-build/build.sh $(or $(BOARD),qemu-aarch64)

boot-test: prerequisites ## the image in QEMU: screens, restarts, is updated, comes back from bad updates and power cuts; BOARD=generic-x86_64, ONLY=updates
	tests/boot/can.sh
	tests/boot/prepare.sh first good bad models models-bad
	tests/boot/in-tools.sh $(ONLY)

boot-test-short: prerequisites ## the same image: starts, no failed unit, a stick sets it up, C-ECHO from outside
	tests/boot/can.sh
	tests/boot/prepare.sh first
	tests/boot/in-tools.sh starts

miri: prerequisites ## the kernels' portable and generic parts under Miri, which sees undefined behaviour
	rustup toolchain install nightly --profile minimal --component miri --component rust-src
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks" CARGO_TARGET_DIR=target/miri $(CARGO) +nightly miri test --locked --lib inference::kernels

device-test: prerequisites ## lamps, buzzer, button and framebuffers in a virtual machine, looked at from outside (Debian 12)
	$(CARGO) build --locked --$(PROFILE)
	tests/device/run.py target/$(PROFILE)/parotidd $(ONLY)

fuzz: prerequisites peers ## bytes of a stranger: each target for FUZZ_SECONDS (600); ONLY=association for one
	rustup toolchain install nightly --profile minimal
	command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	tests/fuzz/fuzz.sh $(ONLY)

bench-inference: prerequisites ## our kernels against onnxruntime in turn: ratio NAME VALUE
	@$(ONNXRUNTIME)
	$(CARGO) build --locked --release
	$(CARGO) bench --locked --bench inference --no-run
	$(BENCH_PYTHON) tests/bench/inference.py "$$(ls -t target/release/deps/inference-* | grep -v '\.d$$' | head -1)" \
	  --screen target/release/parotidd --threads 1 2

bench-receive: prerequisites peers ## images over DICOM in turn with DCMTK: ratio NAME VALUE (SPREAD)
	$(CARGO) build --locked --release
	python3 tests/bench/receive.py target/release/parotidd

bench-last-slice: prerequisites peers ## seconds from the last slice to the alert
	$(CARGO) build --locked --release
	target/peers-venv/bin/python tests/bench/last_slice.py target/release/parotidd

check: prerequisites ## formatting and lints, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

deny: ## licences, sources and duplicate crates
	command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check bans licenses sources

train: prerequisites ## networks, decision rule, figures and card from nothing: see models/training
	$(CARGO) build --locked --release
	$(MAKE) -C models/training all

# libsystemd for sd_notify, a C compiler for SQLite and ring.
prerequisites:
	@pkg-config --exists libsystemd 2>/dev/null && command -v cc >/dev/null || \
	  { command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || [ -n "$(SUDO)" ]; } || \
	      { echo "install a C compiler, pkg-config and libsystemd-dev, then try again" >&2; exit 1; }; \
	    $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q build-essential pkg-config libsystemd-dev; }

# Peers that tests speak with. Tests say so and skip where one is missing.
peers:
	@command -v storescu >/dev/null && command -v curl >/dev/null && command -v pdftotext >/dev/null && PATH=$$PATH:/usr/sbin command -v Orthanc >/dev/null && command -v systemd-analyze >/dev/null && PATH=$$PATH:/usr/sbin command -v nft >/dev/null && python3 -c 'import ensurepip' || \
	  { command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || [ -n "$(SUDO)" ]; } && \
	    $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q curl dcmtk dicom3tools nftables orthanc poppler-utils systemd python3-venv; } || \
	  echo "curl, DCMTK, dicom3tools, nftables, Orthanc, poppler-utils, systemd-analyze or python3-venv are missing: tests against them will be skipped" >&2
	@target/peers-venv/bin/python -c 'import aiosmtpd, dcm_anon, dicomanonymizer, dicomweb_client, fhir.resources, highdicom, hl7, hl7apy, pynetdicom, standardwebhooks' 2>/dev/null || { python3 -m venv target/peers-venv && \
	  target/peers-venv/bin/pip install --quiet --requirement tests/peers/requirements.txt; } || \
	  echo "the libraries of tests/peers cannot be installed: tests with them will be skipped" >&2
	@$(ONNXRUNTIME) || echo "onnxruntime cannot be installed: the test against it will be skipped" >&2

clean: ## what demo and cargo made
	rm -rf demo
	$(CARGO) clean
