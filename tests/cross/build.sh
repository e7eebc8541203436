#!/usr/bin/env bash
# Compiles parotidd for the boards' processor, arm64, on any Debian or Ubuntu.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/cross/toolchain.sh
set -a
# shellcheck disable=SC1091 # made above
source target/cross/environment
set +a
cargo build --locked --release --target "$CROSS_TARGET"
