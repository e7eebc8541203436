#!/usr/bin/env bash
# Makes the update of networks and decision policy alone, signed, for a stick or a folder on a web server.
#
#   models.sh FOLDER [PAROTIDD]   FOLDER is laid out as models/ is: networks, manifests, decision.toml, golden.json, README.md.
#                                 PAROTIDD, for this processor, has to find them whole and answering as released.
# From the environment:
#   KEYS                folder, see keys.sh; keys for trying are made in target/image/keys unless said otherwise
#   SOURCE_DATE_EPOCH   date of every file; the last commit's unless said otherwise
#   OUT                 where it ends; target/image/models unless said otherwise
set -euo pipefail
folder=$(cd "${1:?name the folder of the networks}" && pwd)
program=$(realpath "${2:-$(dirname "$0")/../target/release/parotidd}")
cd "$(dirname "$0")/.."
source image-build/tools.sh
version=$(version_of "$folder/decision.toml")
[ -n "${KEYS:-}" ] || image-build/keys.sh make "${KEYS:=target/image/keys}"
image-build/keys.sh have "$KEYS"
mkdir -p "${OUT:=target/image/models}"

# The built-in default for settings: the check is about the folder alone.
"$program" self-test --golden --models "$folder" >&2
rm -f "$OUT"/*
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rw,go=r --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" \
  -C "$folder" localizer.onnx localizer.toml segmenter.onnx segmenter.toml decision.toml golden.json README.md |
  gzip -n -9 >"$OUT/parotidd-models_$version.tar.gz"
(cd "$OUT" && sha256sum -- * >SHA256SUMS)
image-build/keys.sh sign "$KEYS" "$OUT/SHA256SUMS"
ls -la "$OUT" >&2
