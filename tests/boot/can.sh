#!/usr/bin/env bash
# Whether this machine can make images and start them; says why not, and ends with 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
source image-build/tools.sh
no() {
  echo "$*"
  exit 1
}
[ "$(id -u)" = 0 ] || no "it needs root, for mounts and file owners"
unshare --mount sh -c 'mount -t tmpfs none /mnt && mkdir /mnt/proc && mount -t proc none /mnt/proc' 2>/dev/null ||
  no "it needs mounts, which are not allowed here"
here=/proc/sys/fs/binfmt_misc
[ -e $here/qemu-aarch64 ] || [ -w $here/register ] || mount -t binfmt_misc none $here 2>/dev/null ||
  no "it needs programs of another processor (binfmt_misc), which cannot be had here"
[ -x /usr/lib/apt/apt-helper ] || no "it needs Debian's apt"
index=$(mktemp -d)
trap 'rm -r "$index"' EXIT
timeout 60 /usr/lib/apt/apt-helper download-file "$mirror/dists/$suite/InRelease" "$index/InRelease" >/dev/null 2>&1 ||
  no "it needs Debian's packages, and $mirror cannot be reached"
free_gb=$(($(df --output=avail -k . | tail -1) >> 20))
[ $free_gb -ge 15 ] || no "it needs 15 GB of disk, $free_gb are free"
