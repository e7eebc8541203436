#!/usr/bin/env bash
# Makes a kernel package from Debian's source and settings with a board's kernel.fragment, cross-compiled. Hours on a
# small machine.
#
#   kernel-build.sh BOARD          the package, for build.sh with KERNEL_PACKAGE=FILE
#   kernel-build.sh BOARD check    only whether every line of the fragment is taken
set -euo pipefail
cd "$(dirname "$0")/.."
source image-build/tools.sh
board=${1:?name a board}
fragment=image-build/mkosi.profiles/$board/kernel.fragment
[ -e "$fragment" ] || fail "$board needs no kernel of its own: there is no $fragment"
make_tools
tools bash -euc '
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends linux-source-6.12 linux-config-6.12:arm64 gcc-aarch64-linux-gnu gcc make \
    flex bison bc libssl-dev libelf-dev libc6-dev rsync debhelper dpkg-dev python3 cpio xz-utils >/dev/null
  cd /build/kernel
  [ -d linux-source-6.12 ] || tar -xf /usr/src/linux-source-6.12.tar.xz
  cd linux-source-6.12
  export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
  xz -dc /usr/src/linux-config-6.12/config.arm64_none_arm64.xz >.config
  scripts/kconfig/merge_config.sh -m .config "/src/$1" >/dev/null
  make -s olddefconfig
  missing=$(grep "^CONFIG" "/src/$1" | while read -r line; do grep -qx "$line" .config || echo "$line"; done)
  [ -z "$missing" ] || { echo "not taken: $missing" >&2; exit 1; }
  echo "every line of the fragment is taken" >&2
  [ "${2:-}" = check ] || make -s -j"$(nproc)" bindeb-pkg' kernel-build "$fragment" "${2:-}"
