#!/usr/bin/env bash
# Makes, in a folder, what building and running for arm64 needs on Debian or Ubuntu, and writes the
# folder's `environment`, which other scripts read. What is already there is kept.
#
#   toolchain.sh [FOLDER]       target/cross unless said otherwise
#
# Rust's library for arm64 comes from rustup; where rustup has none it is built from Debian's `rust-src` of
# the same version. CROSS_STD=debian takes that way at once.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p "${1:-target/cross}"
folder=$(cd "${1:-target/cross}" && pwd)
target=aarch64-unknown-linux-gnu
source tests/cross/debian.sh

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

programs() {
  local missing=()
  command -v aarch64-linux-gnu-gcc >/dev/null || missing+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
  command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  [ -e $keys ] || missing+=(debian-archive-keyring)
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || fail "install ${missing[*]}, then try again"
  { as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends "${missing[@]}"; } ||
    fail "could not install ${missing[*]}: install them by hand, then try again"
}

# libsystemd is the one C library that the program does not build itself. Debian 12's runs with the C
# library of any compiler from then on.
libsystemd() {
  [ -d "$folder/libraries" ] && return
  { debian arm64 bookworm install --download-only libsystemd-dev && unpack arm64 bookworm "$folder/libraries"; } ||
    fail "could not fetch libsystemd-dev for arm64 from $mirror bookworm: unpack it and what it depends on in" \
      "$folder/libraries"
}

version() {
  rustc --version | cut -d' ' -f2
}

# A copy of the toolchain with the library built from Debian's `rust-src`; the toolchain itself stays as it is.
from_source() {
  local suite=${CROSS_SUITE:-trixie-backports} host copy=$folder/rust-$(version) source
  host=$(dpkg --print-architecture)
  [ -d "$copy" ] && return
  echo "tests/cross: building Rust's library from Debian's rust-src $(version)" >&2
  debian "$host" "$suite" download "rust-src=$(version)+*" ||
    fail "could not fetch rust-src $(version) from $mirror $suite, which may have dropped it: run" \
      "\`rustup target add $target\` where rustup reaches its server, or name a suite that has it with CROSS_SUITE"
  rm -rf "$folder/rust-src" "$folder/std" "$copy.part"
  dpkg-deb --extract "$folder/apt/$suite-$host/archives/rust-src_$(version)"*.deb "$folder/rust-src"
  # Hard links take no room, but not from another file system.
  cp -al "$(rustc --print sysroot)/." "$copy.part" 2>/dev/null || {
    rm -rf "$copy.part"
    cp -a "$(rustc --print sysroot)/." "$copy.part"
  }
  source=$copy.part/lib/rustlib/src/rust
  rm -rf "$source" "$copy.part/lib/rustlib/$target"
  mkdir -p "$source" "$copy.part/lib/rustlib/$target/lib" "$folder/std"
  # Whole, with its Cargo.lock: cargo asks for it.
  mv "$folder/rust-src/usr/src/rustc-$(version)/library" "$source"

  # Building nothing together with the library gives the library. Build scripts link programs for the target
  # themselves, so it has to lie where rustc looks.
  printf '[package]\nname = "nothing"\nedition = "2024"\n[lib]\npath = "nothing.rs"\n[workspace]\n' >"$folder/std/Cargo.toml"
  echo '#![no_std]' >"$folder/std/nothing.rs"
  # The copy's own cargo: rustup's has any rustc look into the toolchain that rustup chose.
  (cd "$folder/std" && PATH=$copy.part/bin:$PATH RUSTC_BOOTSTRAP=1 cargo build --release --target $target \
    -Zbuild-std=std,panic_abort,test --target-dir target) ||
    fail "could not build Rust's library for $target"
  rm "$folder/std/target/$target/release/deps"/libnothing-*
  mv "$folder/std/target/$target/release/deps"/*.rlib "$copy.part/lib/rustlib/$target/lib"
  rm -r "$folder/rust-src" "$folder/std"
  mv "$copy.part" "$copy"
}

# What `environment` says, for `set -a; source environment`.
environment() {
  local name=${target//-/_} upper library_path
  upper=$(tr a-z- A-Z_ <<<"$target")
  library_path=$folder/libraries/usr/lib/aarch64-linux-gnu:$folder/libraries/lib/aarch64-linux-gnu
  echo "CARGO_TARGET_${upper}_LINKER=aarch64-linux-gnu-gcc"
  # Where the linker finds what libsystemd needs itself.
  echo "CARGO_TARGET_${upper}_RUSTFLAGS='-Clink-arg=-Wl,-rpath-link,$library_path'"
  echo "PKG_CONFIG_ALLOW_CROSS_$name=1"
  echo "PKG_CONFIG_SYSROOT_DIR_$name='$folder/libraries'"
  echo "PKG_CONFIG_LIBDIR_$name='$folder/libraries/usr/lib/aarch64-linux-gnu/pkgconfig'"
  [ "$std" = rustup ] || echo "PATH='$folder/rust-$(version)/bin':\$PATH"
  echo "CROSS_TARGET=$target"
  echo "CROSS_EMULATED='-L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$library_path'"
}

programs
libsystemd
std=${CROSS_STD:-rustup}
if [ "$std" = rustup ] && ! rustup target add "$target"; then
  echo "tests/cross: rustup gave no $target for Rust $(version)" >&2
  std=debian
fi
[ "$std" = rustup ] || from_source
environment >"$folder/environment"
