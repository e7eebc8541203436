"""Updates of the system and of networks alone: good ones stay, all others leave what was there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from clinic import COPY_S, FOLDER, SELF_TEST_S, START_S, Site, boots, say, took
from machine import GUEST_SEES, Failed, wait_for


def updates(site: Site) -> None:
    """A good update switches to the other system, which stays."""
    site.start("start")
    before = site.version()
    since = time.monotonic()
    site.take_update("good")
    took("update copied and started", since)
    check_kept(site, before)
    say("updates", f"{before} -> {site.version()}; {boots(site)}")
    now = site.version(), boots(site)
    site.stick(site.update_files("first"), COPY_S)
    if (site.version(), boots(site)) != now:
        raise Failed(f"an older version was installed: {boots(site)}")
    say("updates", f"{before} is not newer, and was left")


def check_kept(site: Site, before: str) -> None:
    site.wait_until_ready("first start of the update")
    last = wait_for("the update to be kept", lambda: site.update_state()["last"], SELF_TEST_S)
    if last["outcome"] != "installed" or site.version() == before:
        raise Failed(f"{site.version()} is running: {last}")


def folder(site: Site) -> None:
    """A folder on a web server of the site, into which the box looks each night."""
    site.start("start")
    before, start = site.version(), site.this_start()
    site.configure(f'update.folder = "http://{GUEST_SEES}:8080"\n')
    served = site.images / "good/update"
    server = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", served, str(FOLDER)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        say("folder", site.machine.sh("systemctl list-timers --no-legend parotidd-update-folder.timer"))
        site.machine.sh("systemctl start parotidd-update-folder.service", 120)
        site.wait_for_another_start(start, "the update to be in", COPY_S + START_S)
    finally:
        server.terminate()
    check_kept(site, before)
    say("folder", f"{before} -> {site.version()}")


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
    """An update whose self-test fails gives way by itself, and the display says so. The stick with it stays in: it is not tried again."""
    site.start("start")
    site.configure()
    before, since = site.version(), time.monotonic()
    site.stick(site.update_files("bad"), COPY_S, wait=False)
    last = wait_for("the old system to be back", lambda: quietly(lambda: rolled_back(site)), COPY_S + 2 * START_S + SELF_TEST_S, 5)
    took("copied, tried and undone", since)
    site.wait_until_ready("start after it")
    site.wait_until_served(COPY_S)
    n_starts = site.machine.sh("journalctl --list-boots --quiet | wc -l")
    if (site.version(), site.update_state()["last"], n_starts) != (before, last, "3"):
        raise Failed(f"{site.version()} runs, in start {n_starts}: {site.update_state()}")
    site.wait_for_display("Update undone")
    say("undone", f"{last['version']}: {last['reason']}; {before} runs; {boots(site)}")


def rolled_back(site: Site) -> dict | None:
    last = site.update_state()["last"]
    return last if last and last["outcome"] == "rolled_back" else None


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
    now = decision(site)
    site.take_update("good")
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
    site.take_update("good")
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
