#!/usr/bin/env bash
# run.py among the tools of image-build, where QEMU, its firmware and the peers are. As root.
#
#   in-tools.sh [CHECK..]
set -euo pipefail
cd "$(dirname "$0")/../.."
source image-build/tools.sh
# The phantom is drawn here, by the program for this processor.
program=$(ls -t target/{release,debug}/parotidd 2>/dev/null | head -1)
[ -n "$program" ] || { cargo build --locked && program=target/debug/parotidd; }
tools python3 /src/tests/boot/run.py /build/boot --work /build/boot/run --program "/src/$program" "$@"
