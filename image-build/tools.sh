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

make_tools() {
  [ -e "$work/tools/.complete" ] && return
  [ "$(id -u)" = 0 ] || fail "images are made by root: file owners, mounts and binfmt_misc need it; try sudo"
  command -v mmdebstrap >/dev/null && [ -e $keys ] || {
    command -v apt-get >/dev/null || fail "install mmdebstrap and debian-archive-keyring, then try again"
    apt-get update -q && apt-get install -y -q --no-install-recommends mmdebstrap debian-archive-keyring
  } >&2
  local packages
  packages=$(sed 's/#.*//' "$repository/image-build/tools.packages" | paste -sd, | tr -d ' ')
  rm -rf "$work/tools"
  mkdir -p "$work"
  mmdebstrap --mode=root --variant=apt --architectures=amd64,arm64 --skip=cleanup/apt --quiet \
    --include="$packages" $suite "$work/tools" - <<SOURCES || fail "could not make the tools from $mirror $suite"
deb [signed-by=$keys] $mirror $suite main
deb [signed-by=$keys] $mirror $suite-updates main
deb [signed-by=$keys] $security_mirror $suite-security main
SOURCES
  touch "$work/tools/.complete"
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
