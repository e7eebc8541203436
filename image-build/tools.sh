# The tools that make and try an image, from one Debian release whatever this machine runs: for other scripts to
# source. `tools COMMAND..` runs one in that Debian as root, the repository at /src and the work folder at /build.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${IMAGE_WORK:-$repository/target/image}
suite=trixie
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security_mirror=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "image-build: $*" >&2
  exit 1
}

boards() {
  (cd "$repository/image-build/mkosi.profiles" && echo *)
}

# What follows from `board`: Debian's and Rust's names of its processor, and where cargo leaves the program.
# shellcheck disable=SC2034,SC2154 # for the scripts that source this
of_board() {
  [ -d "$repository/image-build/mkosi.profiles/$board" ] || fail "no board $board: $(boards)"
  case $board in
    *x86_64) debian_arch=amd64 rust_target=x86_64-unknown-linux-gnu strip=strip ;;
    *) debian_arch=arm64 rust_target=aarch64-unknown-linux-gnu strip=aarch64-linux-gnu-strip ;;
  esac
  compiled=target/$rust_target/release/parotidd
}

# `version_of FILE`: its first line `version = ".."`. Of the program in Cargo.toml, of networks in their decision.toml.
version_of() {
  sed -n 's/^version = "\(.*\)"/\1/p;T;q' "$1"
}

# The newest program for this processor, compiled where there is none; from the repository.
program_here() {
  local found
  found=$(ls -t target/{release,debug}/parotidd 2>/dev/null || true)
  [ -n "$found" ] || { cargo build --locked >&2 && found=target/debug/parotidd; }
  head -1 <<<"$found"
}

# Where packages come from, for the tools and for the image. Mirrors that keep a day's packages say long after it that
# they are too old.
sources() {
  local still="Check-Valid-Until: yes"
  [ -z "${DEBIAN_MIRROR:-}" ] || still="Check-Valid-Until: no"
  cat <<SOURCES
Types: deb
URIs: $mirror
Suites: $suite $suite-updates
Components: main non-free-firmware
Signed-By: $keys
$still

Types: deb
URIs: $security_mirror
Suites: $suite-security
Components: main non-free-firmware
Signed-By: $keys
$still
SOURCES
}

make_tools() {
  local packages made
  packages=$(sed 's/#.*//' "$repository/image-build/tools.packages" | paste -sd, | tr -d ' ')
  made="$packages from $mirror and $security_mirror"
  [ "$(cat "$work/tools/.complete" 2>/dev/null)" != "$made" ] || return 0
  [ "$(id -u)" = 0 ] || fail "images are made by root: file owners, mounts and binfmt_misc need it; try sudo"
  command -v mmdebstrap >/dev/null && [ -e $keys ] || {
    command -v apt-get >/dev/null || fail "install mmdebstrap and debian-archive-keyring, then try again"
    apt-get update -q && apt-get install -y -q --no-install-recommends mmdebstrap debian-archive-keyring
  } >&2
  rm -rf "$work/tools"
  mkdir -p "$work"
  mmdebstrap --mode=root --variant=apt --architectures=amd64,arm64 --skip=cleanup/apt --quiet \
    --include="$packages" $suite "$work/tools" - < <(sources) || fail "could not make the tools from $mirror $suite"
  echo "$made" >"$work/tools/.complete"
}

# Programs for arm64 run through QEMU's user emulation, here and in every namespace (flag F).
register_emulator() {
  local here=/proc/sys/fs/binfmt_misc
  [ -e $here/register ] || mount -t binfmt_misc none $here
  [ -e $here/qemu-aarch64 ] && return
  printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$work/tools/usr/bin/qemu-aarch64"':OCPF' \
    >$here/register
}

# `pivot_root`, not `chroot`: mkosi makes namespaces of its own inside.
tools() {
  # shellcheck disable=SC2016 # expanded inside
  REPOSITORY=$repository WORK=$work KEYS_FOLDER=${keys_folder:-} unshare --mount bash -euc '
    root=$WORK/tools
    mount --bind "$root" "$root"
    mkdir -p "$root"/{src,build,.old}
    mount --bind "$REPOSITORY" "$root/src"
    mount --bind "$WORK" "$root/build"
    if [ -n "$KEYS_FOLDER" ]; then
      mkdir -p "$root/keys"
      mount --bind "$KEYS_FOLDER" "$root/keys"
    fi
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs tmpfs "$root/tmp"
    for file in /etc/resolv.conf /etc/hosts ${SSL_CERT_FILE:-}; do
      [ -e "$file" ] && mkdir -p "$root/$(dirname "$file")" && cp -L "$file" "$root/$file"
    done
    cd "$root"
    pivot_root . .old
    umount -l /.old
    cd /build
    export PATH=/usr/sbin:/usr/bin HOME=/root TMPDIR=/tmp
    exec "$@"' tools "$@"
}
