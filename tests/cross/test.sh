#!/usr/bin/env bash
# Runs the tests of inference and of the golden case compiled for arm64, on an emulated processor with dot products of bytes and on one
# without.
#
#   test.sh [FOLDER] [FILTER]       target/cross, `inference` and `golden` unless said otherwise
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-target/cross}
tests/cross/toolchain.sh "$folder"
set -a
source "$folder/environment"
for cpu in cortex-a76 cortex-a72; do
  echo "tests/cross: $cpu" >&2
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -cpu $cpu $CROSS_EMULATED"
  # Optimized: emulation is slow enough, and this is what ships.
  cargo test --locked --release --target "$CROSS_TARGET" --lib -- ${2:-inference golden}
done
