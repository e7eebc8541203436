"""A virtual appliance: QEMU with UEFI firmware, the image's disk, a display, USB sticks, and no
network but what is forwarded. Looked at from outside (screen, DICOM, HTTPS, sticks) and through a root shell
on a virtual serial port, which a credential of the virtual machine starts: the image has none itself."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Board:
    """How QEMU is asked for a board: the machine, UEFI firmware with and without Secure Boot, its empty variables."""

    machine: tuple[str, ...]
    firmware: str
    secure_firmware: str
    variables: str
    # What the machine has for Secure Boot alone.
    secure_machine: tuple[str, ...] = ()
    # A device that the image's kernel has a driver for.
    tpm: str | None = None


EMULATED = ("-accel", "tcg,thread=multi")
# Much faster, where it works: there are machines whose KVM is there and does not.
PC_PROCESSOR = ("-accel", "kvm", "-cpu", "host") if os.environ.get("BOOT_TEST_KVM") else (*EMULATED, "-cpu", "max")
BOARDS = {
    "qemu-aarch64": Board(
        # Cortex-A76 has the dot products that the networks use.
        ("qemu-system-aarch64", "-machine", "virt", *EMULATED, "-cpu", "cortex-a76",
         "-smbios", "type=1,manufacturer=QEMU,product=QEMU Virtual Machine,serial=parotidd-test"),
        "/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "/usr/share/AAVMF/AAVMF_CODE.secboot.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    "generic-x86_64": Board(
        ("qemu-system-x86_64", "-machine", "q35,smm=on", *PC_PROCESSOR, "-vga", "none"),
        "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd",
        # Its variables are written in system management mode alone, which the other firmware does not have.
        secure_machine=("-global", "driver=cfi.pflash01,property=secure,value=on"), tpm="tpm-crb"),
}
PROBE_UNIT = r"""
[Unit]
Description=Shell for the test
DefaultDependencies=no
Requires=dev-virtio\x2dports-parotidd.probe.device
After=dev-virtio\x2dports-parotidd.probe.device
Conflicts=shutdown.target
[Service]
ExecStart=/bin/sh
Environment=PATH=/usr/sbin:/usr/bin SYSTEMD_PAGER= SYSTEMD_COLORS=0
StandardInput=file:/dev/virtio-ports/parotidd.probe
StandardOutput=file:/dev/virtio-ports/parotidd.probe
StandardError=inherit
Restart=always
"""
PROBE_WANTED = "[Unit]\nWants=parotidd-probe.service\n"
# Addresses of QEMU's user network: what the guest sees of the host, and nothing behind it.
GUEST_SEES = "10.0.2.100"


class Failed(Exception):
    """What a person reads when a check failed."""


@dataclass
class Machine:
    """One machine with a disk that stays over `power_on` and `power_cut`."""

    work: Path
    disk: Path
    board: Board
    memory_mb: int = 1536
    secure_boot: bool = False
    # Folder of a TPM that the machine has, made where it is not there.
    tpm: Path | None = None
    # Ports of the guest that the host can reach, as {guest: host}.
    forwards: dict[int, int] = field(default_factory=dict)
    # Ports of the host that the guest reaches at GUEST_SEES, as {guest: host}.
    reaches: dict[int, int] = field(default_factory=dict)
    qemu: subprocess.Popen | None = None
    tpm_chip: subprocess.Popen | None = None

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        self.serial = self.work / "serial.log"
        self.serial.write_text("")

    @classmethod
    def of_image(cls, image: Path, work: Path, board: str, size_gb: int = 8, **more) -> Machine:
        """A machine whose disk is a copy of the image, as large as a disk is."""
        work.mkdir(parents=True, exist_ok=True)
        disk = work / "disk.raw"
        subprocess.run(["cp", "--sparse=always", image, disk], check=True)
        os.truncate(disk, size_gb << 30)
        return cls(work, disk, BOARDS[board], **more)

    def power_on(self) -> None:
        assert self.qemu is None, "it is on"
        own_variables = self.work / "variables.fd"
        if not own_variables.exists():
            shutil.copy(self.board.variables, own_variables)
        firmware = self.board.secure_firmware if self.secure_boot else self.board.firmware
        self.started = time.monotonic()
        arguments = [
            *self.board.machine, *(self.board.secure_machine if self.secure_boot else ()), "-device", "virtio-gpu-pci", "-smp", "2", "-m", str(self.memory_mb),
            "-drive", f"if=pflash,format=raw,readonly=on,file={firmware}",
            "-drive", f"if=pflash,format=raw,file={own_variables}",
            "-drive", f"if=none,id=disk,format=raw,file={self.disk},cache=unsafe",
            # The first start discards all of it, which here would take the room of all of it.
            "-device", "virtio-blk-pci,drive=disk,write-zeroes=off",
            "-device", "virtio-rng-pci",
            "-device", "qemu-xhci,id=usb",
            "-display", "none",
            "-chardev", f"socket,id=serial,path={self.work / 'console'},server=on,wait=off,logfile={self.serial},logappend=on",
            "-serial", "chardev:serial",
            "-chardev", f"socket,id=probe,path={self.work / 'probe'},server=on,wait=off",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=probe,name=parotidd.probe",
            "-qmp", f"unix:{self.work / 'qmp'},server=on,wait=off", "-monitor", "none",
            *self._credentials(), *self._network(), *self._tpm(),
        ]
        with (self.work / "qemu.log").open("a") as log:
            self.qemu = subprocess.Popen(arguments, stdout=log, stderr=log)
        self.probe = Probe(self.work / "probe")

    def _credentials(self) -> list[str]:
        units = {
            "systemd.extra-unit.parotidd-probe.service": PROBE_UNIT,
            "systemd.unit-dropin.multi-user.target": PROBE_WANTED,
        }
        arguments = []
        for name, text in units.items():
            path = self.work / f"credential.{name}"
            path.write_text(f"io.systemd.credential.binary:{name}={b64encode(text.encode()).decode()}")
            arguments += ["-smbios", f"type=11,path={path}"]
        return arguments

    def _network(self) -> list[str]:
        rules = [f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in self.forwards.items()]
        rules += [f"guestfwd=tcp:{GUEST_SEES}:{guest}-cmd:nc -N 127.0.0.1 {host}" for guest, host in self.reaches.items()]
        # restrict: nothing else of the outside can be reached, no name and no time server.
        return ["-netdev", ",".join(["user,id=net,restrict=on", *rules]), "-device", "virtio-net-pci,netdev=net,romfile="]

    def _tpm(self) -> list[str]:
        if self.tpm is None:
            return []
        self.tpm.mkdir(exist_ok=True)
        link = self.work / "tpm.socket"
        link.unlink(missing_ok=True)
        self.tpm_chip = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.tpm}", "--ctrl",
                                          f"type=unixio,path={link}"])
        wait_for("the TPM", link.exists, 30)
        return ["-chardev", f"socket,id=tpm,path={link}", "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device",
                f"{self.board.tpm},tpmdev=tpm"]

    def power_cut(self) -> None:
        """As if the plug were pulled."""
        for process in (self.qemu, self.tpm_chip):
            if process:
                process.kill()
                process.wait()
        self.qemu = self.tpm_chip = None

    def qmp(self, command: str, **arguments) -> dict:
        """One command to QEMU itself."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(str(self.work / "qmp"))
            lines = link.makefile("rw")
            lines.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                while True:
                    answer = json.loads(lines.readline())
                    if "return" in answer or "error" in answer:
                        break
            if "error" in answer:
                raise Failed(f"QEMU refused {command}: {answer['error']}")
            return answer["return"]

    def plug(self, stick: Path, name: str = "stick") -> None:
        """Puts a USB stick in."""
        self.qmp("blockdev-add", **{"driver": "raw", "node-name": name,
                                    "file": {"driver": "file", "filename": str(stick)}})
        self.qmp("device_add", driver="usb-storage", bus="usb.0", drive=name, id=f"{name}-device", removable=True)

    def unplug(self, name: str = "stick") -> None:
        """Takes it out."""
        self.qmp("device_del", id=f"{name}-device")
        wait_for("the stick to be gone", lambda: self._removed(name), 30)

    def _removed(self, name: str) -> bool:
        try:
            self.qmp("blockdev-del", **{"node-name": name})
        except Failed:
            return False
        return True

    def type(self, text: str) -> None:
        """Types on the serial console; what it answers is in `serial`."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.work / "console"))
            link.sendall(text.encode())
            time.sleep(5)

    def screen(self, path: Path) -> Path:
        """What the display shows now, as PNG."""
        self.qmp("screendump", filename=str(path), format="png")
        return path

    def reads(self, path: Path) -> str:
        """The words on the display now, as another program reads them from its picture, which stays at `path`."""
        page = subprocess.run(["tesseract", self.screen(path), "-", "--psm", "11"], check=True, capture_output=True, text=True)
        return " ".join(page.stdout.split())

    def wait_for_shell(self, limit_s: float) -> None:
        """Until the root shell answers; ends early where the machine cannot get there."""
        def up() -> bool:
            if self.qemu.poll() is not None:
                raise Failed(f"QEMU ended: {(self.work / 'qemu.log').read_text()[-500:]}")
            text = self.serial.read_bytes()[-4000:]
            for sign in (b"Shell>", b"end Kernel panic", b"Failed to load image"):
                if sign in text:
                    raise Failed(f"the serial console says {sign.decode()}: {self.serial}")
            return self.probe.answers()
        wait_for("the shell", up, limit_s)

    def sh(self, command: str, limit_s: float = 180, check: bool = True) -> str:
        """What a command in the appliance prints."""
        status, output = self.probe.run(command, limit_s)
        if check and status != 0:
            raise Failed(f"`{command}` ended with {status}: {output.strip()[-2000:]}")
        return output.strip()


class Probe:
    """The root shell's two ends of a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.link: socket.socket | None = None

    def answers(self) -> bool:
        try:
            return self.run("echo here", 5)[1].strip() == "here"
        except (OSError, Failed):
            self.link = None
            return False

    def run(self, command: str, limit_s: float) -> tuple[int, str]:
        if self.link is None:
            self.link = socket.socket(socket.AF_UNIX)
            self.link.connect(str(self.path))
        mark = f"=={time.monotonic_ns()}=="
        self.link.sendall(f"( {command} ) 2>&1 </dev/null; echo; echo {mark[:2]}''{mark[2:]} $?\n".encode())
        deadline, text = time.monotonic() + limit_s, b""
        while mark.encode() not in text or not text.endswith(b"\n"):
            self.link.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                part = self.link.recv(65536)
            except TimeoutError:
                self.link.close()
                self.link = None
                raise Failed(f"no answer to `{command}` in {limit_s} s") from None
            if not part:
                self.link = None
                raise Failed("the shell is gone")
            text += part
        output, _, status = text.decode(errors="replace").rpartition(mark)
        return int(status), output


def wait_for(what: str, condition, limit_s: float, every_s: float = 0.5):
    """The condition's first true value."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"waited {limit_s} s for {what}")
        time.sleep(every_s)


def make_stick(path: Path, files: dict[str, bytes | Path], size_mb: int = 64, label: str = "CLINIC") -> Path:
    """A USB stick with one FAT partition, as they are sold, and these files."""
    path.unlink(missing_ok=True)
    with path.open("wb") as disk:
        disk.truncate(size_mb << 20)
    subprocess.run(["sfdisk", "--quiet", path], input="2048,,c\n", text=True, check=True)
    partition = f"{path}@@1M"
    subprocess.run(["mformat", "-i", partition, "-F", "-v", label, "::"], check=True)
    made: set[Path] = set()
    for name, content in files.items():
        for folder in reversed(Path(name).parents):
            if folder != Path(".") and folder not in made:
                made.add(folder)
                subprocess.run(["mmd", "-i", partition, f"::{folder}"], check=True)
        with tempfile.NamedTemporaryFile() as file:
            if isinstance(content, bytes):
                file.write(content)
                file.flush()
                content = Path(file.name)
            subprocess.run(["mcopy", "-i", partition, "-o", content, f"::{name}"], check=True)
    return path


def read_stick(path: Path, name: str) -> bytes:
    """A file of a stick."""
    return subprocess.run(["mtype", "-i", f"{path}@@1M", f"::{name}"], check=True, capture_output=True).stdout
