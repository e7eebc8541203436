"""Nobody changes what is started, and nobody reads the data of a disk alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from clinic import START_S, Site, say
from machine import Failed, wait_for


def flipped(site: Site) -> None:
    """One byte of the root is another: the start is refused."""
    root = next(it for it in partitions(site.machine.disk) if it.get("name", "").startswith("parotidd_") and it["size"] > 500_000)
    with site.machine.disk.open("r+b") as disk:
        # The superblock of erofs, which every start reads.
        disk.seek(root["start"] * 512 + 1024 + 100)
        byte = disk.read(1)
        disk.seek(-1, 1)
        disk.write(bytes([byte[0] ^ 1]))
    site.machine.power_on()
    sign = wait_for("the start to be refused", lambda: next((line for line in site.machine.serial.read_bytes().splitlines()
                    if b"is corrupted" in line or b"dm-verity device corrupted" in line), None), START_S)
    if site.machine.probe.answers():
        raise Failed("it started all the same")
    say("flipped", sign.decode(errors="replace").strip())


def signed(site: Site) -> None:
    """Secure Boot: the keys of the image are taken by a machine that has none; another command line is refused."""
    site.machine.secure_boot = True
    site.start("start with Secure Boot")
    state = site.machine.sh("bootctl status --no-pager | grep 'Secure Boot:'")
    if "enabled (user)" not in state:
        raise Failed(state)
    say("signed", state.strip())
    site.machine.power_cut()
    esp = next(it for it in partitions(site.machine.disk) if it.get("name") == "esp")
    kernel, inside = site.work / "kernel.efi", f"{site.machine.disk}@@{esp['start'] * 512}"
    name = next((site.images / "first").glob("update/*.efi")).name.split("_")[-1]
    subprocess.run(["mcopy", "-n", "-i", inside, f"::EFI/Linux/parotidd_{name}", kernel], check=True)
    content = kernel.read_bytes()
    kernel.write_bytes(content.replace(b" panic=10 ", b" panic=11 ", 1))
    if kernel.read_bytes() == content:
        raise Failed("the kernel has no command line to change")
    subprocess.run(["mcopy", "-o", "-i", inside, kernel, f"::EFI/Linux/parotidd_{name}"], check=True)
    site.machine.power_on()
    sign = wait_for("the kernel to be refused", lambda: next((line for line in site.machine.serial.read_bytes().splitlines()
                    if b"Access denied" in line or b"ecurity" in line.lower() and b"iolation" in line), None), START_S)
    say("signed", f"another command line: {sign.decode(errors='replace').strip()}")


def tpm(site: Site) -> None:
    """The key of the data lies in the TPM, over an update too; the disk alone, in another machine, says nothing."""
    machine = site.machine
    if machine.board.tpm is None:
        print(f"skipped tpm: the kernel of {site.board} has no driver for a TPM of QEMU", flush=True)
        return
    machine.tpm = site.work / "chip"
    machine.secure_boot = True
    site.start("start with a TPM")
    data = "$(lsblk -nlo PATH,PARTLABEL | awk '$2 == \"parotidd-data\" {print $1}')"
    keys = machine.sh(f"cryptsetup luksDump {data} | grep -E '^ +[0-9]+: (luks2|systemd-)|tpm2-(hash-)?pcrs'; ls $(bootctl -p)")
    if "systemd-tpm2" not in keys or "parotidd-data.key" in keys:
        raise Failed(f"the TPM does not hold the key: {keys}")
    say("tpm", " ".join(keys.split()))
    mark = machine.sh("cat /etc/machine-id")
    site.take_update("good")
    site.wait_until_ready("first start of the update")
    if machine.sh("cat /etc/machine-id") != mark:
        raise Failed("the data partition is another one after the update")
    say("tpm", f"opens it for {site.version()} as well")
    machine.power_cut()
    machine.tpm = site.work / "other-chip"
    n_before = len(machine.serial.read_bytes())
    machine.power_on()
    sign = wait_for("the data to stay closed", lambda: next((line for line in machine.serial.read_bytes()[n_before:].splitlines()
                    if b"neither TPM nor key file" in line), None), START_S)
    if machine.probe.answers():
        raise Failed("it started all the same")
    say("tpm", f"another machine: {sign.decode(errors='replace').strip()}")


def partitions(disk: Path) -> list[dict]:
    listed = subprocess.run(["sfdisk", "--json", disk], check=True, capture_output=True, text=True).stdout
    return json.loads(listed)["partitiontable"]["partitions"]
