#!/bin/sh
# What the board's own loader reads of the ESP, until U-Boot takes over.
set -eu
[ "$1" = final ]
esp=$BUILDROOT/efi
mkdir -p "$esp/overlays"
cp "$BUILDROOT"/usr/lib/raspi-firmware/start4.elf "$BUILDROOT"/usr/lib/raspi-firmware/fixup4.dat "$esp/"
cp "$BUILDROOT"/usr/lib/u-boot/rpi_arm64/u-boot.bin "$esp/"
cp "$BUILDROOT"/usr/lib/modules/*/dtb/broadcom/bcm2711-rpi-cm4-io.dtb "$esp/"
cat >"$esp/config.txt" <<'CONFIG'
# Debian's kernel is started by systemd-boot, systemd-boot by U-Boot, U-Boot by this.
arm_64bit=1
kernel=u-boot.bin
enable_uart=1
disable_overscan=1
hdmi_force_hotplug=1
CONFIG
rm -rf "$BUILDROOT"/usr/lib/raspi-firmware "$BUILDROOT"/usr/lib/u-boot
