#!/usr/bin/env bash
# Makes the appliance's image for a board, and the folder that updates it.
#
#   build.sh BOARD [PROGRAM]      qemu-aarch64, rpi-cm4, jetson-orin-nano or generic-x86_64; as root
#
# PROGRAM is parotidd for the board's processor; it is compiled where none is given. From the environment:
#   VERSION             of the system; the program's unless said otherwise
#   KEYS                folder, see keys.sh; keys for trying are made in target/image/keys unless said otherwise
#   SOURCE_DATE_EPOCH   date of every file; the last commit's unless said otherwise
#   DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR   of Debian, or of one that keeps the packages of a day
#   KERNEL_PACKAGE      a kernel of our own (.deb), see kernel-build.sh; Debian's unless said otherwise
#   OUT                 where all ends; target/image/BOARD unless said otherwise:
#     parotidd-BOARD_VERSION.raw.zst    the disk, for the first installation
#     update/                           signed: SHA256SUMS, its signature, root, hashes of the root, kernel
#     *.cdx.json, *.packages            bill of materials (CycloneDX), list of packages
set -euo pipefail
# A program that does not compile is no older one.
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
source image-build/tools.sh

board=${1:?name a board: $(boards)}
of_board
version=${VERSION:-$(version_of Cargo.toml)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

compile() {
  # Else every commit would compile again whatever calls a C compiler.
  if [ $debian_arch = arm64 ]; then
    env -u SOURCE_DATE_EPOCH tests/cross/build.sh >&2
  else
    env -u SOURCE_DATE_EPOCH cargo build --locked --release --target $rust_target >&2
  fi
  echo "$compiled"
}

# What of this repository goes into the root.
stage() {
  local root=$work/stage/$board/files own=image-build/mkosi.profiles/$board/parotidd.toml unit
  rm -rf "$root"
  mkdir -p "$root/usr/bin"
  $strip -o "$root/usr/bin/parotidd" "$program"
  for unit in systemd/*.{service,socket,timer,path}; do
    install -D -m 644 "$unit" "$root/usr/lib/systemd/system/$(basename "$unit")"
  done
  install -D -m 644 systemd/parotidd.sysusers "$root/usr/lib/sysusers.d/parotidd.conf"
  install -D -m 644 systemd/parotidd.tmpfiles "$root/usr/lib/tmpfiles.d/parotidd.conf"
  { cat image-build/parotidd.toml; [ ! -e "$own" ] || cat "$own"; } |
    install -D -m 644 /dev/stdin "$root/usr/share/parotidd/parotidd.toml"
  install -D -m 644 systemd/parotidd.udev "$root/usr/lib/udev/rules.d/60-parotidd.rules"
  install -D -m 644 systemd/parotidd-stick.rules "$root/usr/lib/udev/rules.d/61-parotidd-stick.rules"
  install -D -m 644 /dev/stdin "$root/usr/lib/parotidd/board" <<<"$board"
  install -D -m 644 /dev/stdin "$root/usr/lib/parotidd/models.version" <<<"$(version_of models/decision.toml)"
  install -D -m 644 "$keys_folder/updates.pgp" "$root/usr/lib/systemd/import-pubring.gpg"
}

kernel() {
  local folder=$work/kernel/$debian_arch
  if [ -e "image-build/mkosi.profiles/$board/kernel.fragment" ] && [ -z "${KERNEL_PACKAGE:-}" ]; then
    fail "Debian's kernel does not start $board: make one with image-build/kernel-build.sh $board, and name it in KERNEL_PACKAGE"
  fi
  mkdir -p "$folder" "$work/stage/$board"
  [ -z "${KERNEL_PACKAGE:-}" ] || { rm -f "$folder"/*.deb && cp "$KERNEL_PACKAGE" "$folder/"; }
  [ -n "${KERNEL_PACKAGE:-}" ] || tools bash -euc '
    cd "/build/kernel/$1"
    apt-get update -qq
    package=$(apt-cache depends "linux-image-$1:$1" | sed -n "s/.*Depends: \(linux-image[^:]*\).*/\1/p" | head -1)
    [ -e "$(echo "$package"_*.deb)" ] || { rm -f ./*.deb; apt-get download -qq "$package:$1"; }' kernel $debian_arch
  tools bash -euc 'python3 /src/image-build/kernel.py /build/kernel/"$1"/*.deb --root "/build/stage/$2/kernel" \
    --initrd "/build/stage/$2/modules.cpio.zst"' kernel $debian_arch "$board"
}

# Signatures have a time, and this release's signer takes the clock's.
signer() {
  install -D -m 755 /dev/stdin "$work/stage/$board/signer/systemd-sbsign" <<SCRIPT
#!/bin/sh
exec env TZ=UTC faketime -f "$(date -u -d "@$SOURCE_DATE_EPOCH" '+%F %T')" /usr/lib/systemd/systemd-sbsign "\$@"
SCRIPT
}

make_image() {
  mkdir -p "$work"/{out,cache,packages,workspace}
  sources | install -D -m 644 /dev/stdin "$work/stage/$board/apt/etc/apt/sources.list.d/mkosi.sources"
  rm -rf "$work/out/$board"
  tools bash -euc '
    cd /src/image-build
    mkdir -p "/build/out/$1"
    exec mkosi --force --profile "$1" --image-version "$2" --source-date-epoch "$3" --seed "$4" \
      --output-directory "/build/out/$1" --cache-directory /build/cache --package-cache-dir /build/packages \
      --workspace-directory /build/workspace --extra-tree "/build/stage/$1/kernel" --extra-tree "/build/stage/$1/files" \
      --initrd "/build/stage/$1/modules.cpio.zst" --extra-search-path "/build/stage/$1/signer" --sandbox-tree "/build/stage/$1/apt" \
      --secure-boot-key /keys/secure-boot.key --secure-boot-certificate /keys/secure-boot.crt build' \
    mkosi "$board" "$version" "$SOURCE_DATE_EPOCH" "$(seed)"
}

# The partitions' UUIDs: the same for the same board and version.
seed() {
  sha256sum <<<"$board $version" | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-8\4-\5/'
}

# What systemd-sysupdate fetches: names say version and partition UUID, one signature covers all.
make_update() {
  local from=$work/out/$board to=$out/update file
  rm -rf "$to"
  mkdir -p "$to"
  for file in "$from"/*.root-*.raw; do
    case $file in
      *-verity.*) gzip -n -6 <"$file" >"$to/parotidd-${board}_${version}_$(partition_uuid "$file").verity.raw.gz" ;;
      *) gzip -n -6 <"$file" >"$to/parotidd-${board}_${version}_$(partition_uuid "$file").root.raw.gz" ;;
    esac
  done
  cp "$from/parotidd_$version.efi" "$to/parotidd-${board}_$version.efi"
  (cd "$to" && sha256sum -- * >SHA256SUMS)
  image-build/keys.sh sign "$keys_folder" "$to/SHA256SUMS"
}

partition_uuid() {
  basename "$1" .raw | sed 's/.*\.//'
}

mkdir -p "$work"
exec 9>"$work/lock"
flock --nonblock 9 || fail "another build is under way in $work: try again after it, or name another folder in IMAGE_WORK"
make_tools
register_emulator
[ -n "${KEYS:-}" ] || image-build/keys.sh make "${KEYS:=$work/keys}"
image-build/keys.sh have "$KEYS"
keys_folder=$(cd "$KEYS" && pwd)
program=${2:-$(compile)}
mkdir -p "${OUT:=$work/$board}"
out=$(cd "$OUT" && pwd)
kernel
stage
signer
make_image
make_update
name=parotidd-${board}_$version
zstd -q -f -T0 -12 "$work/out/$board/parotidd_$version.raw" -o "$out/$name.raw.zst"
cp "$work/out/$board/parotidd_$version.manifest" "$out/$name.packages"
cargo metadata --format-version 1 --locked --filter-platform $rust_target >"$work/metadata.json"
tools bash -euc 'cd "/build/kernel/$1" && python3 /src/image-build/sbom.py "$2" ./linux-image-*.deb /build/metadata.json \
  "/build/out/$3/parotidd_$2.manifest" "/build/out/$3/initrd.manifest"' sbom $debian_arch "$version" "$board" >"$out/$name.cdx.json"
(cd "$out" && sha256sum -- "$name".* >SHA256SUMS && "$repository/image-build/keys.sh" sign "$keys_folder" SHA256SUMS)
ls -la "$out" "$out/update" >&2
