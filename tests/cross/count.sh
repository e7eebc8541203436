#!/usr/bin/env bash
# How many arm64 instructions one answer of the segmenter executes: in 8 bits and in f32, on a processor with dot
# products of bytes and on one without. Counts are of work, not of time: how many instructions start in a
# cycle, how long each takes and how memory keeps up are the processor's.
#
#   count.sh [FOLDER] [SLICES ROWS COLUMNS]       target/cross and 80 80 64 unless said otherwise
#
# PYTHON needs onnx and numpy, for the f32 file. Prints `CPU ARITHMETIC CLASS COUNT`.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-target/cross}
shape=("${@:2}")
[ ${#shape[@]} = 3 ] || shape=(80 80 64)
tests/cross/toolchain.sh "$folder"
folder=$(cd "$folder" && pwd)
source tests/cross/debian.sh

# Newer Debian links QEMU's user emulation statically, and then it takes no plugins.
host=$(dpkg --print-architecture)
emulator=$folder/emulator
[ -d "$emulator" ] ||
  { debian "$host" bookworm install --download-only qemu-user && unpack "$host" bookworm "$emulator"; } ||
  fail "could not fetch qemu-user from $mirror bookworm"
cc -std=gnu11 -O2 -shared -fPIC -o "$folder/count.so" tests/cross/count.c
library_path=$(find "$emulator" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd:)

"${PYTHON:-python3}" - "$folder" <<'PYTHON'
import sys
from pathlib import Path
sys.path.insert(0, "tests/bench")
from variants import variants
made = variants("models/segmenter.onnx")
for name, variant in {"int8": "phase_int8", "f32": "phase"}.items():
    (Path(sys.argv[1]) / f"{name}.onnx").write_bytes(made[variant].SerializeToString())
PYTHON

set -a
source "$folder/environment"
set +a
program=$(cargo bench --locked --target "$CROSS_TARGET" --bench inference --no-run \
  --message-format json | grep -F '"kind":["bench"]' | grep -o '"executable":"[^"]*"' | cut -d'"' -f4)

# `counted CPU ONNX ANSWERS`: counts by class. The program answers once before it reads a line.
counted() {
  # shellcheck disable=SC2086 # several words
  head -c "$3" /dev/zero | tr '\0' '\n' |
    LD_LIBRARY_PATH=$library_path "$emulator/usr/bin/qemu-aarch64" -cpu "$1" $CROSS_EMULATED \
      -plugin "$folder/count.so" \
      "$program" 1 "$folder/$2.onnx" models/segmenter.toml "${shape[@]}" 2>&1 >/dev/null |
    sed -n 's/^instructions //p' | sort
}

for cpu in cortex-a76 cortex-a72; do
  for arithmetic in int8 f32; do
    counted $cpu $arithmetic 0 >"$folder/counts.0"
    counted $cpu $arithmetic 1 >"$folder/counts.1"
    # What starting and planning take falls out of the difference.
    join "$folder/counts.0" "$folder/counts.1" |
      awk -v as="$cpu $arithmetic" '{n = $3 - $2; all += n; print as, $1, n} END {print as, "all", all}'
  done
done
