#!/usr/bin/env python3
"""The appliance as its people have it: an image that starts, screens what a scanner sends, is updated, and comes back
when an update is bad or the plug was pulled. On emulated machines, looked at from outside.

    run.py IMAGES [--work FOLDER] [--program PAROTIDD] [CHECK..]

IMAGES holds what prepare.sh made: `first/` (the image that is installed), and for the updates `good/`, `bad/` whose network
is damaged, `models/` and `models-bad/` (networks alone). PAROTIDD, for this processor, draws the phantom. CHECK is one of:
starts screens updates unsigned undone models power_cuts flipped signed; all of them unless said.
Prints `ok NAME: what was seen`, and times as `time NAME SECONDS`; ends with 1 when one failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path

from machine import GUEST_SEES, Failed, Machine, make_stick, read_stick, wait_for


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# Of this machine.
DICOM, PACS = free_port(), free_port()
# Emulated: a start is a minute of guest's work, an analysis of a full series some more.
START_S, SELF_TEST_S, SCREEN_S, COPY_S = 600, 1500, 1800, 900
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

    def __init__(self, images: Path, work: Path, program: Path, name: str, **machine) -> None:
        self.images, self.work, self.program = images, work / name, program
        shutil.rmtree(self.work, ignore_errors=True)
        image = next((images / "first").glob("*.raw"))
        self.machine = Machine.of_image(image, self.work, forwards={11112: DICOM}, reaches={11113: PACS}, **machine)

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
            unit = "systemctl list-units --all --plain --no-legend 'parotidd-stick@*' | grep -c . || true"
            wait_for("the stick to be seen", lambda: self.machine.sh(unit) != "0", 60)
            wait_for("the stick to be served", lambda: not self.machine.sh(
                "systemctl list-units --plain --no-legend --state=activating 'parotidd-stick@*'"), limit_s)
            self.machine.unplug()
        return path

    def update_files(self, which: str) -> dict[str, Path]:
        folder = self.images / which / "update"
        return {f"parotidd/update/{file.name}": file for file in sorted(folder.iterdir())}

    def configure(self) -> None:
        stick = self.stick({"parotidd/parotidd.toml": SETTINGS.encode()})
        answer = read_stick(stick, "parotidd/answer.txt").decode()
        say("configured", answer.strip().splitlines()[0] if answer.strip() else "no answer")
        wait_for("C-ECHO", lambda: echo() == 0, 180)

    def send(self) -> Path:
        """A phantom with a mass in the left gland."""
        series = self.work / "phantom"
        subprocess.run([self.program, "phantom", "--seed", "7", "--site", "A", "--protocol", "neck", "--tumor", "left",
                        "--out", series], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (series / "truth.dcm").unlink(missing_ok=True)
        subprocess.run(["storescu", "-aet", "CT1", "-aec", "PAROTIDD", "+sd", "+r", "127.0.0.1", str(DICOM), series], check=True)
        return series


def echo() -> int:
    command = ["echoscu", "-to", "20", "-aet", "CT1", "-aec", "PAROTIDD", "127.0.0.1", str(DICOM)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def say(name: str, text: str) -> None:
    print(f"ok {name}: {text}", flush=True)


def took(name: str, since: float) -> None:
    print(f"time {name} {time.monotonic() - since:.1f}", flush=True)


def figures(site: Site) -> None:
    machine = site.machine
    say("systemd-analyze", machine.sh("systemd-analyze | head -1"))
    say("slowest units", machine.sh("systemd-analyze blame | head -6").replace("\n", ";"))
    say("memory in use, MB", machine.sh("awk '/MemTotal/ {t=$2} /MemAvailable/ {print int((t-$2)/1024) \" of \" int(t/1024)}' /proc/meminfo"))
    say("parotidd's memory", machine.sh("systemctl show parotidd -p MemoryCurrent -p MemoryPeak | tr '\\n' ' '"))
    say("exposure", machine.sh("systemd-analyze security parotidd.service | tail -1", check=False))


def screens(site: Site) -> None:
    """A series goes in, the report comes back, database and display have the result; a restart keeps all."""
    site.start("first start")
    figures(site)
    site.configure()
    received = site.work / "pacs"
    received.mkdir(exist_ok=True)
    pacs = subprocess.Popen(["storescp", "-aet", "PACS", "-od", received, "+xa", "-pm", str(PACS)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        since = time.monotonic()
        site.send()
        took("send", since)
        report = wait_for("the structured report at the PACS", lambda: next(
            (file for file in received.glob("*") if is_report(file)), None), SCREEN_S, 2)
        took("screened, report at the PACS", since)
        status = site.status()
        if status["results"]["flagged"] != 1:
            raise Failed(f"the database has no result: {status}")
        say("screens", f"{report.name} came back; results {status['results']}, newest {status['newest_result']}")
        timing = site.machine.sh("journalctl -u parotidd -o cat --no-pager | grep -i -E 'screened|timing|total' | tail -3", check=False)
        say("what the time is made of", timing)
        wait_for("all deliveries", lambda: site.status()["deliveries"]["waiting"] == 0, 120, 5)
        time.sleep(10)
        say("display", str(site.machine.screen(site.work / "screen.png")))
    finally:
        pacs.terminate()
    machine_id = site.machine.sh("cat /etc/machine-id")
    start = site.this_start()
    site.machine.sh("systemctl reboot --no-block", check=False)
    site.wait_for_another_start(start, "the restart", 2 * START_S)
    site.wait_until_ready("restart")
    again = site.status()
    kept = (site.machine.sh("cat /etc/machine-id"), again["newest_result"]) == (machine_id, status["newest_result"])
    if not kept or echo() != 0:
        raise Failed(f"after the restart: {again}")
    say("keeps", "result, settings and machine ID are there after a restart")


def is_report(file: Path) -> bool:
    shown = subprocess.run(["dcmdump", "+P", "Modality", file], capture_output=True, text=True)
    return "[SR]" in shown.stdout


def updates(site: Site) -> None:
    """A good update switches to the other system, which stays."""
    site.start("start")
    before = site.version()
    since, start = time.monotonic(), site.this_start()
    site.stick(site.update_files("good"), COPY_S, wait=False)
    site.wait_for_another_start(start, "the update to be in", COPY_S + START_S)
    took("update copied and started", since)
    site.machine.unplug()
    site.wait_until_ready("first start of the update")
    last = wait_for("the update to be kept", lambda: site.update_state()["last"], SELF_TEST_S)
    if last["outcome"] != "installed" or site.version() == before:
        raise Failed(f"{site.version()} is running: {last}")
    say("updates", f"{before} -> {site.version()}; {boots(site)}")
    now = site.version(), boots(site)
    site.stick(site.update_files("first"), COPY_S)
    if (site.version(), boots(site)) != now:
        raise Failed(f"an older version was installed: {boots(site)}")
    say("updates", f"{before} is not newer, and was left")


def boots(site: Site) -> str:
    return site.machine.sh("ls $(bootctl -p)/EFI/Linux; lsblk -nlo PARTLABEL | grep parotidd_").replace("\n", " ")


def unsigned(site: Site) -> None:
    """Another's signature, and a file that is not what was signed: nothing is installed."""
    site.start("start")
    before = site.version(), boots(site)
    files = site.update_files("good")
    names = {Path(name).name: name for name in files}
    stranger = site.work / "stranger"
    source = Path(__file__).parents[2] / "image-build/keys.sh"
    subprocess.run([source, "make", stranger], check=True)
    sums = site.work / "SHA256SUMS"
    sums.write_bytes(files[names["SHA256SUMS"]].read_bytes())
    subprocess.run([source, "sign", stranger, sums], check=True)
    damaged = site.work / "damaged.efi"
    kernel = next(name for name in names if name.endswith(".efi"))
    content = bytearray(files[names[kernel]].read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    for what, changed in {"another's signature": {names["SHA256SUMS.gpg"]: Path(f"{sums}.gpg")},
                          "a flipped bit": {names[kernel]: damaged}}.items():
        earlier = site.update_state()["last"]
        site.stick({**files, **changed}, COPY_S)
        last = site.update_state()["last"]
        if last == earlier or last["outcome"] != "refused" or (site.version(), boots(site)) != before:
            raise Failed(f"{what}: {last}; {boots(site)}")
        say("unsigned", f"{what}: {last['reason']}")


def undone(site: Site) -> None:
    """An update whose self-test fails gives way by itself, and the display says so."""
    site.start("start")
    before = site.version()
    since, start = time.monotonic(), site.this_start()
    site.stick(site.update_files("bad"), COPY_S, wait=False)
    site.wait_for_another_start(start, "the update to be in", COPY_S + START_S)
    site.machine.unplug()
    say("undone", f"{site.version()} is on trial")
    site.wait_for_another_start(site.this_start(), "the old system to be back", 2 * START_S + SELF_TEST_S)
    took("copied, tried and undone", since)
    site.wait_until_ready("start after it")
    last = site.update_state()["last"]
    if last["outcome"] != "rolled_back" or site.version() != before:
        raise Failed(f"{site.version()} runs: {last}")
    site.machine.screen(site.work / "screen.png")
    say("undone", f"{last['version']}: {last['reason']}; {before} runs; {boots(site)}")


def models(site: Site) -> None:
    """Networks apart from the system: tried, kept over an update of the system, refused where they answer otherwise."""
    site.start("start")
    own = decision(site)
    site.stick(site.update_files("models"), COPY_S, wait=False)
    wait_for("the networks to be on trial", lambda: quietly(lambda: on_trial(site)), SELF_TEST_S, 0.2)
    site.machine.power_cut()
    site.start("start after a cut while networks are tried")
    last = site.update_state()["last"]
    if last["outcome"] != "rolled_back" or decision(site) != own:
        raise Failed(f"decision {decision(site)}, before {own}: {last}")
    say("models", f"{last['version']}: {last['reason']}; {own} decides")
    version = site.version()
    newer = f"{own.rpartition('.')[0]}.{int(own.rpartition('.')[2]) + 1}"
    for which, outcome in (("models", "installed"), ("models-bad", "refused")):
        since, earlier = time.monotonic(), site.update_state()["last"]
        site.stick(site.update_files(which), COPY_S, wait=False)
        wait_for("their outcome", lambda earlier=earlier: site.update_state()["last"] != earlier, SELF_TEST_S, 2)
        site.machine.unplug()
        last = site.update_state()["last"]
        if last["outcome"] != outcome or decision(site) != newer or not last["version"].startswith("models "):
            raise Failed(f"decision {decision(site)}: {last}")
        took(f"models {outcome}", since)
        say("models", f"{last['version']} {last['outcome']} {last['reason']}; decision {own} -> {decision(site)}")
    now, start = decision(site), site.this_start()
    site.stick(site.update_files("good"), COPY_S, wait=False)
    site.wait_for_another_start(start, "the update of the system to be in", COPY_S + START_S)
    site.machine.unplug()
    site.wait_until_ready("first start of the update")
    if site.version() == version or decision(site) != now:
        raise Failed(f"{site.version()} runs and decides with {decision(site)}, before {now}")
    say("models", f"they are kept over the update of the system to {site.version()}")


def decision(site: Site) -> str:
    """Version of the policy that decides."""
    return site.status()["models"]["decision"]["version"]


def on_trial(site: Site) -> bool:
    return site.machine.sh("test -L /var/lib/parotidd-models/current && sleep 5 && echo so; true") == "so"


def power_cuts(site: Site) -> None:
    """The plug is pulled while an update is copied, when it is in, and in its first start."""
    site.start("start")
    before = site.version()
    moments = {
        "while copying": lambda: site.update_state()["step"] == "copying" and not site.machine.sh("sleep 4"),
        "when it is in": lambda: site.machine.sh("test -s /var/lib/parotidd-update/pending && echo in; true") == "in",
    }
    for name, reached in moments.items():
        site.stick(site.update_files("good"), COPY_S, wait=False)
        wait_for(name, lambda reached=reached: quietly(reached), COPY_S, 0.1)
        site.machine.power_cut()
        site.start(f"start after a cut {name}")
        say("power cut", f"{name}: {site.version()} runs; {boots(site)}")
        if site.version() != before:
            return first_start(site)
    start = site.this_start()
    site.stick(site.update_files("good"), COPY_S, wait=False)
    site.wait_for_another_start(start, "the update to be in", COPY_S + START_S)
    return first_start(site)


def first_start(site: Site) -> None:
    """Whatever runs, another cut in the middle of a start and it comes up again."""
    site.machine.power_cut()
    site.machine.power_on()
    time.sleep(25)
    site.machine.power_cut()
    site.start("start after a cut while starting")
    say("power cut", f"while starting: {site.version()} runs; {boots(site)}")


def quietly(reached) -> bool:
    """Not where the shell does not answer: it is asked again, in the next start too."""
    try:
        return reached()
    except Failed:
        return False


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


def partitions(disk: Path) -> list[dict]:
    listed = subprocess.run(["sfdisk", "--json", disk], check=True, capture_output=True, text=True).stdout
    return json.loads(listed)["partitiontable"]["partitions"]


def starts(site: Site) -> None:
    """It starts without a failed unit, a stick sets it up, and a scanner reaches it."""
    site.start("first start")
    figures(site)
    site.configure()
    say("starts", "ready, set up by a stick, C-ECHO answered")


CHECKS = {check.__name__: check for check in (starts, screens, updates, unsigned, undone, models, power_cuts, flipped, signed)}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("images", type=Path)
    arguments.add_argument("--work", type=Path, default=Path("/tmp/parotidd-boot"))
    arguments.add_argument("--program", type=Path, required=True)
    arguments.add_argument("checks", nargs="*", metavar="CHECK", default=list(CHECKS))
    args = arguments.parse_args()
    n_failed = 0
    for name in args.checks:
        with Site(args.images, args.work, args.program, name) as site:
            try:
                CHECKS[name](site)
            except Exception as error:
                # Whatever it was, the others are looked at as well.
                n_failed += 1
                print(f"FAILED {name}: {error}", flush=True)
                if not isinstance(error, Failed):
                    traceback.print_exc()
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
