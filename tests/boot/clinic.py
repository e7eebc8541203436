"""An appliance with what stands around it, and what is asked of it again and again."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from machine import BOARDS, GUEST_SEES, Failed, Machine, make_stick, read_stick, wait_for


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# Of this machine.
DICOM, PACS, FOLDER = free_port(), free_port(), free_port()
# Emulated: a start is a minute of guest's work, an analysis of a full series some more.
START_S, SELF_TEST_S, SCREEN_S, COPY_S, DISPLAY_S = 600, 1500, 1800, 900, 90
SETTINGS = f"""
data_dir = "/var/lib/parotidd"
[dicom]
ae_title = "PAROTIDD"
listen = ["0.0.0.0:11112"]
calling_ae_titles = ["CT1"]
[series]
quiet_s = 20
[display]
backend = "drm"
[[destination]]
name = "pacs"
kind = "pacs"
address = "{GUEST_SEES}:11113"
ae_title = "PACS"
[appliance]
hostname = "parotidd-ct1"
"""


class Site:
    """One appliance with what stands around it: a scanner, a PACS, sticks."""

    def __init__(self, images: Path, work: Path, program: Path, name: str) -> None:
        self.images, self.work, self.program = images, work / name, program
        shutil.rmtree(self.work, ignore_errors=True)
        image = next((images / "first").glob("*.raw"))
        self.board = board_of(images)
        self.machine = Machine.of_image(image, self.work, self.board, forwards={11112: DICOM}, reaches={11113: PACS, 8080: FOLDER})

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_) -> None:
        self.machine.power_cut()

    def start(self, what: str) -> None:
        """Until it is ready: every unit started, none failed, the self-test passed."""
        self.machine.power_on()
        self.wait_until_ready(what)

    def wait_until_ready(self, what: str) -> None:
        machine, since = self.machine, time.monotonic()
        machine.wait_for_shell(START_S)
        took(f"{what} shell", since)
        state = machine.sh("systemctl is-system-running --wait", SELF_TEST_S, check=False)
        took(f"{what} ready", since)
        failed = machine.sh("systemctl --failed --no-legend --plain")
        if state != "running" or failed:
            detail = machine.sh("journalctl -b -p warning --no-pager -n 40; cat /run/parotidd-self-test/boot.json", check=False)
            raise Failed(f"the system is {state}: {failed}\n{detail}")

    def version(self) -> str:
        return self.machine.sh(". /usr/lib/os-release && echo $IMAGE_VERSION")

    def this_start(self) -> str:
        return self.machine.sh("cat /proc/sys/kernel/random/boot_id", 20)

    def wait_for_another_start(self, before: str, what: str, limit_s: float) -> None:
        """Until the shell of a later start answers."""
        def is_another() -> bool:
            try:
                return self.this_start() not in ("", before)
            except Failed:
                return False
        wait_for(what, is_another, limit_s, 2)

    def status(self) -> dict:
        """What the database has."""
        return json.loads(self.machine.sh("parotidd status --config /etc/parotidd/parotidd.toml --format json"))

    def update_state(self) -> dict:
        return json.loads(self.machine.sh("cat /run/parotidd-update/state.json"))

    def stick(self, files: dict, limit_s: float = 120, wait: bool = True) -> Path:
        """A stick goes in, is served, and comes out."""
        path = make_stick(self.work / "stick.raw", files, size_mb=512 if len(files) > 2 else 64)
        # The units of the stick before would be taken for this one's.
        idle = "systemctl reset-failed 'parotidd-stick@*'; systemctl show -P ActiveState parotidd-update"
        wait_for("the updater to be idle", lambda: self.machine.sh(idle, check=False) in ("inactive", "failed"), limit_s)
        self.machine.plug(path)
        if wait:
            self.wait_until_served(limit_s)
            self.machine.unplug()
        return path

    def wait_until_served(self, limit_s: float) -> None:
        """Until the stick that was plugged in has its answer."""
        unit = "systemctl list-units --all --plain --no-legend 'parotidd-stick@*' | grep -c . || true"
        wait_for("the stick to be seen", lambda: self.machine.sh(unit) != "0", 60)
        wait_for("the stick to be served", lambda: not self.machine.sh(
            "systemctl list-units --plain --no-legend --state=activating 'parotidd-stick@*'"), limit_s)

    def update_files(self, which: str) -> dict[str, Path]:
        folder = self.images / which / "update"
        return {f"parotidd/update/{file.name}": file for file in sorted(folder.iterdir())}

    def take_update(self, which: str) -> None:
        """An update of the system comes on a stick, and is started."""
        start = self.this_start()
        self.stick(self.update_files(which), COPY_S, wait=False)
        self.wait_for_another_start(start, "the update to be in", COPY_S + START_S)
        self.machine.unplug()

    def stick_answer(self, files: dict) -> str:
        """What it says on a stick with these files."""
        return read_stick(self.stick(files), "parotidd/answer.txt").decode().strip()

    def configure(self, more: str = "") -> None:
        answer = self.stick_answer({"parotidd/parotidd.toml": (SETTINGS + more).encode()})
        say("configured", answer.splitlines()[0] if answer else "no answer")
        wait_for("C-ECHO", lambda: echo() == 0, 180)

    def wait_for_display(self, *words: str, picture: str = "screen.png") -> None:
        """Until a person before the display could read these words. Every page says what it is not for."""
        reads, wanted = "", (*words, "Not for diagnostic use")
        def shows() -> bool:
            nonlocal reads
            reads = self.machine.reads(self.work / picture)
            return all(word in reads for word in wanted)
        try:
            wait_for("the display", shows, DISPLAY_S, 5)
        except Failed:
            raise Failed(f"the display says {reads!r}, without {words}") from None
        say("display", f"{picture}: {reads}")

    def send(self) -> Path:
        """A phantom with a mass in the left gland."""
        series = self.work / "phantom"
        subprocess.run([self.program, "phantom", "--seed", "7", "--site", "A", "--protocol", "neck", "--tumor", "left",
                        "--out", series], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (series / "truth.dcm").unlink(missing_ok=True)
        subprocess.run(["storescu", "-aet", "CT1", "-aec", "PAROTIDD", "+sd", "+r", "127.0.0.1", str(DICOM), series], check=True)
        return series


def board_of(images: Path) -> str:
    """Whose image it is: parotidd-BOARD_VERSION.raw.zst."""
    name = next((images / "first").glob("parotidd-*.raw.zst")).name
    return next(board for board in BOARDS if f"-{board}_" in name)


def echo() -> int:
    command = ["echoscu", "-to", "20", "-aet", "CT1", "-aec", "PAROTIDD", "127.0.0.1", str(DICOM)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def say(name: str, text: str) -> None:
    print(f"ok {name}: {text}", flush=True)


def took(name: str, since: float) -> None:
    print(f"time {name} {time.monotonic() - since:.1f}", flush=True)


def boots(site: Site) -> str:
    return site.machine.sh("ls $(bootctl -p)/EFI/Linux; lsblk -nlo PARTLABEL | grep parotidd_").replace("\n", " ")
