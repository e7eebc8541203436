#!/usr/bin/env python3
"""Boots the program in a virtual machine with a panel and a display, and checks both from outside.

    tests/device/run.py target/debug/parotidd [panel] [pictures]

The panel is a chip of the kernel's GPIO simulator; its checks are in init.sh. Pictures are what the virtual graphics card
shows, taken by QEMU, and compared pixel by pixel with what `parotidd render` draws on this machine.
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE.parent.parent / "target" / "device"
BOOT_S_MAX = 600
# A debug build draws for half a minute on an emulated processor.
DRAW_S_MAX = 120
VIEWS = ["ready", "flagged_left"]
FRAMEBUFFER = "backend=framebuffer device=/dev/fb0"
DRM = "backend=drm device=/dev/dri/card0"
# Name, backend, kernel modules, arguments of the kernel and of QEMU: each makes another kind of display.
CARDS = {
    "bochs-drm": (DRM, "bochs", "", ["-vga", "std"]),
    "virtio-gpu-drm": (DRM, "virtio_pci,virtio-gpu", "", ["-vga", "virtio"]),
    "bochs-fb": (FRAMEBUFFER, "bochs", "", ["-vga", "std"]),
    "virtio-gpu-fb": (FRAMEBUFFER, "virtio_pci,virtio-gpu", "", ["-vga", "virtio"]),
    "vesafb-24": (FRAMEBUFFER, "", "vga=0x315", ["-vga", "std"]),
    "vesafb-16": (FRAMEBUFFER, "", "vga=0x314", ["-vga", "std"]),
}


def prepare():
    subprocess.run([HERE / "prepare.sh"], check=True)
    release = (OUT / "release").read_text().strip()
    return release, OUT / "root"


def copy_with_libraries(program, root):
    """The program and what the loader would look for."""
    shutil.copy(program, root / "bin" / "parotidd")
    subprocess.run(["strip", root / "bin" / "parotidd"], check=True)
    for line in subprocess.check_output(["ldd", program], text=True).splitlines():
        paths = [word for word in line.split() if word.startswith("/")]
        for path in paths:
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(path), target)


def copy_modules(release, kernel, root, names):
    """The modules of these names and what they need."""
    folder = f"lib/modules/{release}"
    (root / folder).mkdir(parents=True)
    for name in names:
        shown = subprocess.run(
            ["modprobe", "-d", kernel, "-S", release, "--show-depends", name],
            capture_output=True, text=True, check=True,
        )
        for line in shown.stdout.splitlines():
            if line.startswith("insmod"):
                path = Path(line.split()[1])
                target = root / folder / path.name
                if not target.exists():
                    shutil.copy(path, target)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel / folder / index, root / folder / index)
    subprocess.run(["depmod", "-b", root, release], check=True)


def data_folder(program, root):
    """The data of a daemon that has flagged a phantom: made here, where screening is fast."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        made = subprocess.run([program, "demo", "--out", out], capture_output=True, text=True)
        databases = list(out.rglob("parotidd.db"))
        if not databases:
            sys.exit(f"the demo left no database:\n{made.stdout}{made.stderr}")
        (root / "data").mkdir()
        for path in databases[0].parent.glob("parotidd.db*"):
            shutil.copy(path, root / "data")


def initramfs(program):
    release, kernel = prepare()
    root = OUT / "initramfs"
    shutil.rmtree(root, ignore_errors=True)
    (root / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
    (root / "bin" / "sh").symlink_to("busybox")
    shutil.copy(HERE / "init.sh", root / "init")
    (root / "init").chmod(0o755)
    for name in ("board.toml", "settings.toml"):
        shutil.copy(HERE / name, root / name)
    copy_with_libraries(program, root)
    copy_modules(release, kernel, root, ["configfs", "gpio-sim", "bochs", "virtio_pci", "virtio-gpu"])
    data_folder(program, root)
    archive = OUT / "initramfs.cpio"
    with open(archive, "wb") as file:
        names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, stdout=file, check=True)
    return kernel / "boot" / f"vmlinuz-{release}", archive


class Machine:
    """A running machine: its serial line, and QEMU's own control."""

    def __init__(self, boot, words, arguments, folder):
        kernel, archive = boot
        self.control_path = folder / "qmp"
        serial_path = folder / "serial"
        command = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048",
            "-display", "none", "-nodefaults", "-no-reboot", *arguments,
            "-serial", f"unix:{serial_path},server=on,wait=on", "-qmp", f"unix:{self.control_path},server=on,wait=off",
            "-kernel", kernel, "-initrd", archive,
            "-append", f"console=ttyS0 quiet panic=-1 fbcon=nodefer vt.global_cursor_default=0 {words}",
        ]
        self.process = subprocess.Popen(command)
        self.serial = self.connect(serial_path)
        self.lines = self.serial.makefile("rw", encoding="utf-8", errors="replace", newline="\n")

    @staticmethod
    def connect(path):
        for _ in range(200):
            try:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(str(path))
                connection.settimeout(BOOT_S_MAX)
                return connection
            except OSError:
                time.sleep(0.05)
        sys.exit("QEMU did not start")

    def picture(self, path):
        """What the graphics card shows, as PPM."""
        connection = self.connect(self.control_path)
        stream = connection.makefile("rw", encoding="utf-8")
        stream.readline()
        for command in ({"execute": "qmp_capabilities"}, {"execute": "screendump", "arguments": {"filename": str(path)}}):
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            while "return" not in (answer := json.loads(stream.readline())):
                if "error" in answer:
                    sys.exit(f"QEMU: {answer}")
        connection.close()

    def close(self):
        self.process.kill()
        self.process.wait()


def ppm(path):
    """Width, height and RGB bytes of a binary PPM."""
    data, fields, at = path.read_bytes(), [], 0
    while len(fields) < 4:
        end = data.index(b"\n", at)
        fields += data[at:end].split()
        at = end + 1
    return int(fields[1]), int(fields[2]), data[at:]


def png(path):
    """Width, height and RGB bytes of a PNG of 8 bits, RGB or RGBA, not interlaced."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    n = {2: 3, 6: 4}[color]
    assert depth == 8
    raw, pixels, above = zlib.decompress(packed), bytearray(), bytearray(n * width)
    for row in range(height):
        start = row * (n * width + 1)
        line = bytearray(raw[start + 1:start + 1 + n * width])
        for x in range(len(line) if raw[start] else 0):
            left = line[x - n] if x >= n else 0
            corner = above[x - n] if x >= n else 0
            guess = left + above[x] - corner
            paeth = min((left, above[x], corner), key=lambda it: abs(guess - it))
            line[x] = line[x] + [0, left, above[x], (left + above[x]) // 2, paeth][raw[start]] & 255
        above = line
        for x in range(0, len(line), n):
            pixels += line[x:x + 3]
    return width, height, bytes(pixels)


def panel(boot, folder):
    """Runs the checks of `init.sh`; says whether all were ok."""
    machine = Machine(boot, "what=panel", [], folder)
    n_ok, n_failed, ended = 0, 0, False
    for line in machine.lines:
        print(line.rstrip(), flush=True)
        n_ok += line.startswith("ok ")
        n_failed += line.startswith("failed ")
        ended = line.strip() == "end"
        if ended:
            break
    machine.close()
    print(f"panel: {n_ok} ok, {n_failed} failed{'' if ended else ', and it did not come to its end'}")
    return ended and n_failed == 0 and n_ok > 10


def compare(machine, program, folder, view, bits):
    """Whether the card comes to show what the program draws here, as far as so many bits can."""
    shown, drawn = folder / f"{view}.ppm", folder / f"{view}.png"
    machine.picture(shown)
    width, height, _ = ppm(shown)
    subprocess.run([program, "render", view, "--out", drawn, "--size", f"{width}x{height}"], check=True)
    expected = png(drawn)[2]
    for _ in range(DRAW_S_MAX):
        machine.picture(shown)
        pixels = ppm(shown)[2]
        same, words = is_same(pixels, expected, bits)
        if same:
            break
        time.sleep(1)
    return same, f"{width}x{height}, {words}"


def is_same(pixels, expected, bits):
    if bits == 16:
        # 5, 6 and 5 bits; QEMU fills the rest with zeros or with the first bits again.
        keep = bytes([0xF8, 0xFC, 0xF8] * (len(expected) // 3))
        pixels, expected = (bytes(map(int.__and__, it, keep)) for it in (pixels, expected))
    n_wrong = sum(a != b for a, b in zip(pixels, expected))
    return len(pixels) == len(expected) and n_wrong == 0, f"{n_wrong} bytes differ"


def pictures(boot, program, folder):
    """Shows views on each kind of card, and looks at them from outside."""
    offers = subprocess.check_output([program, "render", "--help"], text=True)
    if "--device" not in offers:
        print("skipped pictures: this program's `render` has no --device")
        return True
    is_fine = True
    for name, (backend, modules, kernel_words, arguments) in CARDS.items():
        here = folder / name
        here.mkdir()
        words = f"what=pictures views={','.join(VIEWS)} modules={modules} {backend}"
        machine = Machine(boot, f"{words} {kernel_words}", arguments, here)
        bits = None
        for line in machine.lines:
            word, *rest = line.split() or [""]
            if word == "framebuffer":
                bits = int(rest[-1]) if rest and rest[-1].isdigit() else None
                print(f"{name}: {line.strip()}")
            elif word == "look":
                same, words = compare(machine, program, here, rest[0], bits)
                is_fine &= same
                print(f"{'ok' if same else 'failed'} {name} {rest[0]}: {words}", flush=True)
                machine.lines.write("\n")
                machine.lines.flush()
            elif word == "end":
                break
            else:
                print(line.rstrip())
        machine.close()
    return is_fine


def main():
    program, *what = sys.argv[1:]
    boot = initramfs(program)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        if not what or "panel" in what:
            outcomes.append(panel(boot, Path(folder)))
        if not what or "pictures" in what:
            outcomes.append(pictures(boot, program, Path(folder)))
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main()
