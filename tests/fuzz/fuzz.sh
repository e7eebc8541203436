#!/usr/bin/env bash
# Every fuzz target for FUZZ_SECONDS, or those named. Findings lie in target/fuzz-run/findings; one is tried
# again by naming its file after the target: fuzz.sh association FILE.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-600}
work=target/fuzz-run
export CARGO_TARGET_DIR=$PWD/target/fuzz

# -O: which checks a package has is up to Cargo.toml.
fuzz() { cargo +nightly fuzz run -O --fuzz-dir tests/fuzz "$@"; }
if [ -f "${2:-}" ]; then
  fuzz "$1" "$2"
  exit
fi

# What others recorded is found where it is there.
target/peers-venv/bin/python tests/fuzz/seeds.py "$work/seeds" tests/data \
  ../shared/data/pdu_seeds ../shared/data/dicom_corpus
for target in ${@:-association dimse ct_header}; do
  mkdir -p "$work/corpus/$target" "$work/findings"
  fuzz "$target" "$work/corpus/$target" "$work/seeds/$target" -- -max_total_time="$seconds" \
    -max_len=65536 -timeout=10 -rss_limit_mb=1024 -dict=tests/fuzz/dicom.dict \
    -artifact_prefix="$work/findings/$target-" -print_final_stats=1
done
