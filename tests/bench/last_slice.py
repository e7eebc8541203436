"""From the last slice to the alert: `target/peers-venv/bin/python last_slice.py PROGRAM`.

A release build receives 300 slices of 512x512 over one association, and a performed procedure step over another,
which is completed before the last slice or after it; also slices that are JPEG-LS, at a scanner's pace and as fast
as they are taken. Also without a step: even slices whose sender has gone. Seconds from the last C-STORE-RSP to the
webhook's alert, median of the rounds.
"""

import argparse
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, ModalityPerformedProcedureStep

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "peers")]
from procedure_step import begun, change  # noqa: E402
from receive import EXPLICIT_LE, Sender, Server, free_port, load  # noqa: E402

WAIT_S = 60
PAUSE_S = 1 / 25
JPEG_LS = "1.2.840.10008.1.2.4.80"


@dataclass(frozen=True)
class Way:
    """How a series comes, and when its step is completed."""

    name: str
    step: str | None
    jpeg_ls: bool = False
    pause_s: float = 0


WAYS = (
    Way("step before the last slice", "before"),
    Way("step after the last slice", "after"),
    Way("no step: geometry", None),
    Way("JPEG-LS, 25 a second", "after", True, PAUSE_S),
    Way("JPEG-LS, at once", "after", True),
)


class Ward(BaseHTTPRequestHandler):
    """Takes alerts, and when they came."""

    alerts: queue.Queue = queue.Queue()

    def do_POST(self) -> None:  # noqa: N802
        """An alert."""
        at = time.perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.alerts.put((at, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def daemon(program: Path, folder: Path, ward: int) -> Server:
    """One that silence tells nothing for ten minutes."""
    port = free_port()
    (folder / "parotidd.toml").write_text(
        f'data_dir = "{folder}/data"\n[dicom]\nlisten = ["127.0.0.1:{port}"]\n'
        '[series]\nquiet_s = 600\n[display]\nbackend = "none"\n'
        f'[[destination]]\nname = "ward"\nkind = "webhook"\nurl = "http://127.0.0.1:{ward}/"\n'
    )
    return Server([str(program), "run", "--config", f"{folder}/parotidd.toml"], folder, port)


def once(server: Server, paths: list[Path], way: Way) -> tuple[float, dict]:
    """One series, to its alert."""
    images = [load(path) for path in paths]
    ae = AE("MODALITY")
    ae.add_requested_context(ModalityPerformedProcedureStep)
    association = ae.associate("127.0.0.1", server.port, ae_title="PAROTIDD")
    status, _ = association.send_n_create(begun(), ModalityPerformedProcedureStep, "2.25.1")
    assert status.Status == 0
    series = str(dcmread(paths[0], stop_before_pixels=True).SeriesInstanceUID)
    named = [[CTImageStorage, image.sop_instance.decode()] for image in images]

    def complete() -> None:
        end = change("COMPLETED", {series: named})
        status, _ = association.send_n_set(end, ModalityPerformedProcedureStep, "2.25.1")
        assert status.Status == 0

    sender = Sender(server.port, images, JPEG_LS if way.jpeg_ls else EXPLICIT_LE)
    last = sender.messages.pop()
    sender.send(way.pause_s)
    if way.step == "before":
        complete()
    sender.messages = [last]
    sender.send()
    at = time.perf_counter()
    if way.step == "after":
        complete()
    sender.release()
    came, alert = Ward.alerts.get(timeout=WAIT_S)
    association.release()
    return came - at, alert


def compress(paths: list[Path], folder: Path) -> list[Path]:
    """The same images as JPEG-LS, by DCMTK."""
    folder.mkdir()
    to = [folder / path.name for path in paths]
    for path, compressed in zip(paths, to, strict=True):
        subprocess.run(["dcmcjpls", "+un", path, compressed], check=True)
    return to


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    program = options.program.resolve()
    ward = HTTPServer(("127.0.0.1", 0), Ward)
    threading.Thread(target=ward.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        phantom = Path(folder) / "phantom"
        arguments = ["phantom", "--seed", "1", "--slices", "300", "--spacing", "0.5"]
        command = [program, *arguments, "--tumor", "left", "--out", phantom]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        paths = sorted(path for path in phantom.iterdir() if path.name.startswith("IM"))
        compressed = compress(paths, Path(folder) / "compressed")
        for way in WAYS:
            times, decision = [], ""
            for number in range(options.rounds):
                place = Path(folder) / f"{WAYS.index(way)}-{number}"
                place.mkdir()
                os.sync()
                server = daemon(program, place, ward.server_port)
                try:
                    seconds, alert = once(server, compressed if way.jpeg_ls else paths, way)
                finally:
                    server.stop()
                times.append(seconds)
                decision = alert["decision"]
            spread = f"{min(times):.2f}-{max(times):.2f}"
            print(
                f"{way.name:28} {statistics.median(times):.2f} s ({spread}), {len(paths)} slices, {decision}"
            )


if __name__ == "__main__":
    main()
