#!/usr/bin/env bash
# run.py among the tools of image-build, where QEMU, its firmware and the peers are. As root.
#
#   in-tools.sh [CHECK..]         BOARD of the environment is qemu-aarch64 unless said otherwise
set -euo pipefail
cd "$(dirname "$0")/../.."
source image-build/tools.sh
# The phantom of `screens` is drawn here, by the program for this processor.
program=
case " ${*:-screens} " in *" screens "*) program=$(program_here) ;; esac
tools python3 /src/tests/boot/run.py "/build/boot/${BOARD:-qemu-aarch64}" --work /build/boot/run --program "/src/$program" "$@"
