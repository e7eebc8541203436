"""How fast images are taken over DICOM, in turn with DCMTK: `python receive.py PAROTIDD`.

The sender is a socket client with every PDU made beforehand, so that it costs as little as can be.
Ours syncs file and folder and has a row in its database before each answer; `storescp --fork`, with
TCP_NODELAY=1, does not sync. Each round starts both servers anew on empty folders, each at 1, 2 and
4 associations. Prints files a second, CPU a file, what a second stream costs the first, peak memory
while 10 associations send 64 MiB each, and `ratio receive_xN VALUE`: our rate by that of DCMTK,
median of the rounds.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
CONTEXT = 1
START_S, ANSWER_S = 10, 30
LARGE_BYTES, LARGE_ASSOCIATIONS = 64 << 20, 10
TICKS = os.sysconf("SC_CLK_TCK")


def item(kind: int, value: bytes) -> bytes:
    """An item of an association request (PS3.8 9.3.2)."""
    return struct.pack(">BBH", kind, 0, len(value)) + value


def associate_rq(syntax: str) -> bytes:
    """A request for one presentation context."""
    syntaxes = item(0x30, CT_IMAGE_STORAGE.encode()) + item(0x40, syntax.encode())
    user = item(0x51, struct.pack(">I", 131072)) + item(0x52, b"2.25.1") + item(0x55, b"BENCH")
    items = item(0x10, APPLICATION_CONTEXT.encode())
    items += item(0x20, bytes([CONTEXT, 0, 0, 0]) + syntaxes) + item(0x50, user)
    titles = b"PAROTIDD".ljust(16) + b"BENCH".ljust(16) + bytes(32)
    body = struct.pack(">HH", 1, 0) + titles + items
    return struct.pack(">BBI", 1, 0, len(body)) + body


def element(number: int, value: bytes) -> bytes:
    """An element of a command set."""
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0, number, len(value)) + value


def store_rq(message: int, sop_instance: bytes) -> bytes:
    """A C-STORE request (PS3.7 table 9.3-1)."""
    short = struct.Struct("<H").pack
    elements = element(0x0002, CT_IMAGE_STORAGE.encode()) + element(0x0100, short(1))
    elements += element(0x0110, short(message)) + element(0x0700, short(0))
    elements += element(0x0800, short(1)) + element(0x1000, sop_instance)
    return element(0, struct.pack("<I", len(elements))) + elements


def pdus(data: bytes, is_command: bool, longest: int) -> bytes:
    """P-DATA-TF PDUs."""
    step = longest - 6
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    out = []
    for number, piece in enumerate(pieces):
        control = int(is_command) | (2 if number == len(pieces) - 1 else 0)
        out.append(struct.pack(">BBIIBB", 4, 0, len(piece) + 6, len(piece) + 2, CONTEXT, control))
        out.append(piece)
    return b"".join(out)


def receive(connection: socket.socket) -> tuple[int, bytes]:
    """One PDU."""
    data = b""
    while len(data) < 6 or len(data) < 6 + struct.unpack(">I", data[2:6])[0]:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        data += more
    return data[0], data[6:]


def longest_pdu(accept: bytes) -> int:
    """The maximum length that an A-ASSOCIATE-AC states."""
    at = accept.index(b"\x51\0\0\x04") + 4
    return struct.unpack(">I", accept[at : at + 4])[0] or 131072


@dataclass
class Image:
    """A data set and its SOP Instance UID."""

    sop_instance: bytes
    data_set: bytes


def load(path: Path) -> Image:
    """A Part 10 file without its front."""
    data = path.read_bytes()
    start = 144 + struct.unpack("<I", data[140:144])[0]
    at = data.index(b"\x08\0\x18\0UI", start)
    length = struct.unpack("<H", data[at + 6 : at + 8])[0]
    return Image(data[at + 8 : at + 8 + length].rstrip(b"\0"), data[start:])


def enlarge(image: Image, number: int) -> Image:
    """The same under another UID, with so many zeros as pixels."""
    uid = image.sop_instance[:-2] + b"%02d" % (number + 10)
    header = image.data_set[: image.data_set.rindex(b"\xe0\x7f\x10\0OW")]
    pixels = b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", LARGE_BYTES) + bytes(LARGE_BYTES)
    return Image(uid, header.replace(image.sop_instance, uid) + pixels)


class Sender:
    """One association."""

    def __init__(self, port: int, images: list[Image], syntax: str = EXPLICIT_LE):
        self.connection = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(associate_rq(syntax))
        kind, body = receive(self.connection)
        assert kind == 2, f"rejected: PDU {kind}"
        longest = longest_pdu(body)
        self.messages = [
            pdus(store_rq(1, image.sop_instance), True, longest)
            + pdus(image.data_set, False, longest)
            for image in images
        ]

    def send(self, pause_s: float = 0) -> None:
        """All images, each answered with success and followed by a pause."""
        for message in self.messages:
            self.connection.sendall(message)
            kind, body = receive(self.connection)
            status = body.index(b"\0\0\0\x09\x02\0\0\0") + 8
            assert kind == 4 and body[status : status + 2] == b"\0\0", "no success"
            time.sleep(pause_s)

    def release(self) -> None:
        """The end."""
        self.connection.sendall(struct.pack(">BBII", 5, 0, 4, 0))
        receive(self.connection)
        self.connection.close()


class Server:
    """A process that listens."""

    def __init__(self, arguments: list[str], folder: Path, port: int):
        environment = os.environ | {"TCP_NODELAY": "1", "RUST_LOG": "warn"}
        self.port = port
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            arguments, cwd=folder, env=environment, stdout=self.log, stderr=self.log
        )
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def cpu_seconds(self) -> float:
        """Of the process and of its children, ended or not."""
        total = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(path.parent.name) == self.process.pid:
                total += sum(int(field) for field in fields[11:15])
            elif int(fields[1]) == self.process.pid:
                total += sum(int(field) for field in fields[11:13])
        return total / TICKS

    def peak_mib(self) -> float:
        """Peak of the process, or of the largest of its children that are there."""
        peak = 0
        for path in Path("/proc").glob("[0-9]*/status"):
            try:
                status = dict(line.split(":", 1) for line in path.read_text().splitlines())
            except OSError:
                continue
            if str(self.process.pid) in (status["Pid"].strip(), status["PPid"].strip()):
                peak = max(peak, int(status.get("VmHWM", "0 kB").split()[0]))
        return peak / 1024

    def stop(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ours(program: Path, folder: Path) -> Server:
    """The daemon; no series becomes complete while it is measured."""
    port = free_port()
    (folder / "parotidd.toml").write_text(
        f'data_dir = "{folder}/data"\n[dicom]\nlisten = ["127.0.0.1:{port}"]\n'
        'calling_ae_titles = ["*"]\n[series]\nquiet_s = 600\n[display]\nbackend = "none"\n'
    )
    return Server([str(program), "run", "--config", f"{folder}/parotidd.toml"], folder, port)


def dcmtk(folder: Path) -> Server:
    """DCMTK's server, a process for each association, with its longest PDU."""
    port = free_port()
    received = folder / "received"
    received.mkdir()
    arguments = ["storescp", "--fork", "-pdu", "131072", "-aet", "PAROTIDD", "-od", str(received)]
    return Server([*arguments, str(port)], folder, port)


def send_at_once(senders: list[Sender]) -> None:
    """Each in a thread of its own."""
    threads = [threading.Thread(target=sender.send) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def rate(server: Server, images: list[Image], n_associations: int) -> dict:
    """Files a second over so many associations, and what they cost."""
    shares = [images[number::n_associations] for number in range(n_associations)]
    senders = [Sender(server.port, share) for share in shares]
    # What the server before has left in memory would be written at this one's cost.
    os.sync()
    cpu, start = server.cpu_seconds(), time.perf_counter()
    send_at_once(senders)
    wall = time.perf_counter() - start
    cpu = max(server.cpu_seconds() - cpu, 1 / TICKS)
    peak = server.peak_mib()
    for sender in senders:
        sender.release()
    return {
        "rate": len(images) / wall,
        "cpu_ms": 1e3 * cpu / len(images),
        "peak_mib": peak,
    }


def large(program: Path, folder: Path, image: Image) -> None:
    """Memory with large instances on many associations at once."""
    server = ours(program, folder)
    try:
        idle = server.peak_mib()
        numbers = range(LARGE_ASSOCIATIONS)
        senders = [Sender(server.port, [enlarge(image, number)]) for number in numbers]
        send_at_once(senders)
        peak = server.peak_mib()
        for sender in senders:
            sender.release()
    finally:
        server.stop()
    print(f"peak receive_large {peak:.1f} MiB (idle {idle:.1f})")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    program = options.program.resolve()
    found: dict[tuple[str, int], list[dict]] = {}
    with tempfile.TemporaryDirectory() as folder:
        phantom = Path(folder) / "phantom"
        arguments = ["phantom", "--seed", "1", "--slices", str(options.images), "--spacing", "0.5"]
        command = [program, *arguments, "--out", phantom]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        images = [load(path) for path in sorted(phantom.iterdir()) if path.name != "truth.dcm"]
        print(f"{len(images)} images of {len(images[0].data_set) / 1e6:.3f} MB")
        for number in range(options.rounds):
            for n_associations in (1, 2, 4):
                for name in ("parotidd", "dcmtk"):
                    place = Path(folder) / f"{name}-{number}-{n_associations}"
                    place.mkdir()
                    server = ours(program, place) if name == "parotidd" else dcmtk(place)
                    try:
                        result = rate(server, images, n_associations)
                    finally:
                        server.stop()
                    found.setdefault((name, n_associations), []).append(result)
                    shutil.rmtree(place)
        place = Path(folder) / "large"
        place.mkdir()
        report(found)
        large(program, place, images[0])


def report(found: dict[tuple[str, int], list[dict]]) -> None:
    """Medians, then ratios."""
    medians = {
        key: {what: statistics.median(it[what] for it in rows) for what in rows[0]}
        for key, rows in found.items()
    }
    for (name, n), it in medians.items():
        rates = [row["rate"] for row in found[name, n]]
        print(
            f"{name:9} x{n}  {it['rate']:6.0f} files/s ({min(rates):.0f}-{max(rates):.0f})   "
            f"CPU {it['cpu_ms']:.2f} ms a file   peak {it['peak_mib']:.0f} MiB"
        )
    for n in (1, 4):
        for what, label in (("rate", "receive"), ("cpu_ms", "receive_cpu")):
            # Of neighbours in time: a shared machine is now twice as fast, now half.
            pairs = zip(found["parotidd", n], found["dcmtk", n], strict=True)
            ratios = [one[what] / other[what] for one, other in pairs]
            spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
            print(f"ratio {label}_x{n} {statistics.median(ratios):.3f} {spread}")
    for name in ("parotidd", "dcmtk"):
        share = medians[name, 2]["rate"] / medians[name, 1]["rate"] / 2
        print(f"{name}: beside a second stream the first has {share:.2f} of its rate")


if __name__ == "__main__":
    main()
