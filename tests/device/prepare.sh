#!/bin/sh
# Makes what the virtual machine boots, under target/device: Debian's kernel, unpacked and not installed, and the kernel's own
# GPIO simulator. Debian does not build that one, so it is built here from Debian's source of the same kernel.
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/target/device
mkdir -p "$out"
SUDO=$([ "$(id -u)" = 0 ] || command -v sudo || true)

need() {
  command -v "$1" >/dev/null || missing="$missing $2"
}
missing=
need qemu-system-x86_64 qemu-system-x86
need busybox busybox-static
need cpio cpio
need depmod kmod
need make make
need gcc gcc
need xz xz-utils
# shellcheck disable=SC2086 # a list of packages
[ -z "$missing" ] || { $SUDO apt-get update -q && $SUDO apt-get install -y -q --no-install-recommends $missing; }

image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -1)
release=${image#linux-image-}
series=$(echo "$release" | cut -d. -f1,2)
[ "$(cat "$out/release" 2>/dev/null)" = "$release" ] && exit 0

work=$out/work
rm -rf "$work" "$out/root" "$out/release"
mkdir -p "$work" "$out/root"
cd "$work"
apt-get download -q "$image" "linux-headers-$release" "linux-headers-${release%-amd64}-common" \
  "linux-kbuild-$series" "linux-source-$series"
dpkg-deb -x "$image"_*.deb "$out/root"
for package in linux-headers-*.deb linux-kbuild-*.deb; do dpkg-deb -x "$package" .; done
dpkg-deb --fsys-tarfile linux-source-*.deb | tar -xO "./usr/src/linux-source-$series.tar.xz" | xz -dcT0 |
  tar -x --strip-components=1 "linux-source-$series/drivers/gpio/gpio-sim.c" \
    "linux-source-$series/drivers/gpio/gpiolib.h" "linux-source-$series/kernel/irq/irq_sim.c"

# The simulator of interrupts is not built either. It calls the handler by a function that modules may not use; this one
# they may, and it does the same.
mkdir module
cp drivers/gpio/gpio-sim.c module/gpio_sim_main.c
cp drivers/gpio/gpiolib.h module/
sed 's/handle_simple_irq(irq_to_desc(irqnum));/generic_handle_irq(irqnum);/' kernel/irq/irq_sim.c >module/irq_sim.c
printf 'obj-m := gpio-sim.o\ngpio-sim-y := gpio_sim_main.o irq_sim.o\n' >module/Kbuild
headers=$work/usr/src/linux-headers-$release
sed -i "s#/usr/src#$work/usr/src#" "$headers/Makefile"
make -s -C "$headers" M="$work/module" modules
cp module/gpio-sim.ko "$out/root/lib/modules/$release/"
depmod -b "$out/root" "$release"
rm -rf "$work"
echo "$release" >"$out/release"
