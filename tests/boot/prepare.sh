#!/usr/bin/env bash
# Makes the images that run.py looks at, in target/image/boot/BOARD: `first` is installed, `good` a later version, `bad` a
# later one whose network was damaged on its way, `models` newer networks alone, `models-bad` some that answer otherwise.
# BOARD of the environment is qemu-aarch64 unless said otherwise.
#
#   prepare.sh first|good|bad|models|models-bad..       as root
set -euo pipefail
cd "$(dirname "$0")/../.."
source image-build/tools.sh
board=${BOARD:-qemu-aarch64}
of_board
version=$(version_of Cargo.toml)
boot=target/image/boot/$board

# `image NAME VERSION [PROGRAM]`
image() {
  OUT=$boot/$1 VERSION=$2 image-build/build.sh $board "${@:3}"
  zstd -q -d -f --sparse "$boot/$1/parotidd-${board}_$2.raw.zst" -o "$boot/$1/disk.raw"
}

# `networks FOLDER N`: those of this repository, N versions later.
networks() {
  local own
  own=$(version_of models/decision.toml)
  rm -rf "$1" && mkdir -p "$1"
  cp models/*.{onnx,toml,json} models/README.md "$1/"
  sed -i "s/^version = .*/version = \"${own%.*}.$((${own##*.} + $2))\"/" "$1/decision.toml"
}

for name in "$@"; do
  mkdir -p "$boot/$name"
  case $name in
    first) image first "$version" ;;
    good) image good "$version.1" $compiled ;;
    bad)
      # The last bytes of the segmenter inside the program: weights.
      python3 - $compiled "$boot/damaged" <<'PYTHON'
import sys
from pathlib import Path
program, network = bytearray(Path(sys.argv[1]).read_bytes()), Path("models/segmenter.onnx").read_bytes()
start = program.index(network)
program[start + len(network) // 2] ^= 1
Path(sys.argv[2]).write_bytes(program)
PYTHON
      image bad "$version.2" "$boot/damaged"
      ;;
    models)
      networks "$boot/networks" 1
      "$(program_here)" golden --models "$boot/networks" --out "$boot/networks"
      OUT=$boot/models/update image-build/models.sh "$boot/networks" "$(program_here)"
      ;;
    models-bad)
      # Another answer than theirs is released with them. Nothing looks before it is signed.
      networks "$boot/networks" 2
      "$(program_here)" golden --models "$boot/networks" --out "$boot/networks"
      sed -i 's/"volume_cm3": 5/"volume_cm3": 6/' "$boot/networks/golden.json"
      OUT=$boot/models-bad/update image-build/models.sh "$boot/networks" "$(type -P true)"
      ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
  esac
done
