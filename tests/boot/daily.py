"""What its people do with it: set it up, send series, look at it, open it for service."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from clinic import PACS, SCREEN_S, START_S, Site, echo, say, took
from machine import Failed, Machine, read_stick, wait_for


def starts(site: Site) -> None:
    """It starts without a failed unit, a stick sets it up, and a scanner reaches it."""
    site.start("first start")
    figures(site)
    waits = site.machine.sh("systemctl is-active network-online.target", check=False)
    if waits != "inactive":
        raise Failed(f"the start waits for a network: network-online.target is {waits}")
    site.wait_for_display("Set-up", "https://", picture="set-up.png")
    site.configure()
    site.wait_for_display("Ready")
    say("starts", "ready, set up by a stick, C-ECHO answered")


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
        site.wait_for_display("Flagged", "Left parotid")
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
    put_back(site, status)


def put_back(site: Site, before: dict) -> None:
    """The database is lost, and a backup on a stick comes back as docs/backup.md says."""
    machine = site.machine
    stick = site.stick({"parotidd/backup": b""})
    answer = read_stick(stick, "parotidd/answer.txt").decode()
    if "BACKUP\r" not in answer:
        raise Failed(answer)
    # It is not asked for again.
    subprocess.run(["mdel", "-i", f"{stick}@@1M", "::parotidd/backup"], check=True)
    machine.sh("systemctl stop parotidd.socket parotidd; rm /var/lib/parotidd/parotidd.db*")
    machine.plug(stick)
    site.wait_until_served(120)
    said = machine.sh("mount -o ro /dev/sda1 /mnt && cd / && runuser -u parotidd -- parotidd restore /mnt/parotidd/backup-* "
                      "--config /etc/parotidd/parotidd.toml && umount /mnt && systemctl start parotidd.socket parotidd", 300)
    machine.unplug()
    if site.status()["newest_result"] != before["newest_result"]:
        raise Failed(f"{site.status()} instead of {before}")
    say("backup", said.splitlines()[0])


def service(site: Site) -> None:
    """A root shell for whoever stands before the display with its code, and for nobody else."""
    machine = site.machine
    site.start("start")
    site.configure()
    if types(machine, "before"):
        raise Failed("the serial console answers without service mode")
    answer = site.stick_answer({"parotidd/service": b""})
    site.wait_for_display("USB stick", "Write this code into code.txt", picture="code.png")
    # Of its letters a program may take one for another.
    code = machine.sh("sed -n 's/^code = \"\\(.*\\)\"/\\1/p' /run/parotidd-stick/code.toml")
    if is_serving(site) or not code or code in answer:
        raise Failed(f"code {code!r}; {answer}")
    site.stick_answer({"parotidd/service": b"", "parotidd/code.txt": b"000-000"})
    if is_serving(site):
        raise Failed("a wrong code was taken")
    answer = site.stick_answer({"parotidd/service": b"", "parotidd/code.txt": code.encode()})
    wait_for("service mode", lambda: is_serving(site), 60)
    wait_for("the shell on the serial console", lambda: types(machine, "within"), 60)
    site.wait_for_display("Service mode")
    say("service", answer.splitlines()[0])
    machine.sh("systemctl stop parotidd-service-mode.service")
    if types(machine, "after"):
        raise Failed("the shell is there after service mode")
    noted = machine.sh("parotidd audit --config /etc/parotidd/parotidd.toml | grep -c service_mode || true")
    if noted == "0":
        raise Failed("the audit trail does not say so")
    say("service", "a shell on the serial console while it lasts; the audit trail has it")


def is_serving(site: Site) -> bool:
    return site.machine.sh("systemctl is-active parotidd-service-mode.service", check=False) == "active"


def types(machine: Machine, mark: str) -> bool:
    """Whether a shell computes what is typed."""
    machine.type(f"\necho $((6 * 7)){mark}\n")
    return f"42{mark}".encode() in machine.serial.read_bytes()


def is_report(file: Path) -> bool:
    shown = subprocess.run(["dcmdump", "+P", "Modality", file], capture_output=True, text=True)
    return "[SR]" in shown.stdout
