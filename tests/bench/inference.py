"""Ours against onnxruntime, in turn: `python inference.py PROGRAM --screen PAROTIDD --threads 1 2`.

PROGRAM is what `cargo bench --bench inference --no-run` built. For each network, input and number
of threads every variant (`variants.py`) runs a few times a round, and ours; `whole_screen` is a
series from files to outlines (`whole_screen.py`). Prints CPU and wall time, smallest and median,
and `ratio NAME VALUE`: our smallest time by that of onnxruntime's best variant. That is CPU time
of one thread, and wall time of several, since threads of onnxruntime that wait take CPU time too.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import whole_screen
from variants import variants

SHAPES = {"crop": ("segmenter", (80, 80, 64)), "localizer": ("localizer", (64, 64, 96))}
OURS = {"int8": "phase_int8", "f32": "phase"}
ANSWERS, REST_S, RESTS_MAX = 3, 0.01, 100
SCREEN_SLICES, SCREEN_ROUNDS = 300, 5


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall time, seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def rest() -> None:
    """Returns when threads that wait for more work have gone to sleep.

    Whoever is measured next would share the cores with them.
    """
    for _ in range(RESTS_MAX):
        before = time.process_time()
        time.sleep(REST_S)
        if time.process_time() - before < REST_S / 10:
            break


class Peer:
    """onnxruntime on one variant."""

    def __init__(self, model: onnx.ModelProto, shape: tuple[int, ...], threads: int):
        self.session = whole_screen.session(model, threads)
        n = int(np.prod(shape))
        values = (np.arange(n) * 7919 % 2001).astype(np.float32) / 1000 - 1
        self.volume = values.reshape(1, 1, *shape)
        self.run()

    def run(self) -> tuple[float, float]:
        """CPU and wall time of one answer, seconds."""
        return timed(lambda: self.session.run(None, {"volume": self.volume}))


class Ours:
    """Our program on a file."""

    def __init__(self, program: Path, onnx_file: Path, manifest: Path, shape, threads: int):
        arguments = [program, str(threads), onnx_file, manifest, *map(str, shape)]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.instructions = self.process.stdout.readline().strip()

    def run(self) -> tuple[float, float]:
        """CPU and wall time of one answer, seconds."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        cpu, wall = self.process.stdout.readline().split()
        return float(cpu), float(wall)

    def close(self) -> None:
        """Ends the program."""
        self.process.stdin.close()
        self.process.wait(timeout=10)


def measure(options: argparse.Namespace, name: str, threads: int, folder: Path) -> list[dict]:
    """All engines on one network."""
    stage, shape = SHAPES[name]
    models = variants(str(options.models / f"{stage}.onnx"))
    engines = {f"onnxruntime {it}": Peer(model, shape, threads) for it, model in models.items()}
    for kind, variant in OURS.items():
        path = folder / f"{stage}.{kind}.onnx"
        onnx.save(models[variant], path)
        manifest = options.models / f"{stage}.toml"
        engines[f"ours {kind}"] = Ours(options.program, path, manifest, shape, threads)
    times = {it: [] for it in engines}
    for _ in range(options.rounds):
        for it, engine in engines.items():
            times[it] += [engine.run() for _ in range(ANSWERS)]
            rest()
    for engine in engines.values():
        if isinstance(engine, Ours):
            engine.close()
    return summary(name, threads, times)


def summary(name: str, threads: int, times: dict[str, list[tuple[float, float]]]) -> list[dict]:
    """Smallest and median times, milliseconds."""
    rows = []
    for it, pairs in times.items():
        cpu, wall = zip(*pairs, strict=True)
        row = {"input": name, "threads": threads, "engine": it}
        for kind, values in (("cpu", cpu), ("wall", wall)):
            row |= {f"{kind}_ms_min": 1e3 * min(values)}
            row |= {f"{kind}_ms_median": 1e3 * statistics.median(values)}
        rows.append(row)
    return rows


def measure_screen(options: argparse.Namespace, threads: int, folder: Path) -> list[dict]:
    """A whole series, on the variants that are fastest for a network in f32 and in 8 bits."""
    series = folder / "series"
    if not series.exists():
        whole_screen.phantom(options.screen, series, SCREEN_SLICES)
    stages = [variants(str(options.models / f"{it}.onnx")) for it in ("localizer", "segmenter")]
    peers = {
        it: whole_screen.Peer(*(stage[it] for stage in stages), threads) for it in OURS.values()
    }
    times = {it: [] for it in [*(f"onnxruntime {it}" for it in peers), "ours"]}
    for _ in range(SCREEN_ROUNDS):
        for it, peer in peers.items():
            times[f"onnxruntime {it}"].append(timed(lambda peer=peer: peer.run(series)))
            rest()
        times["ours"].append(whole_screen.ours(options.screen, series, threads))
    return summary("whole_screen", threads, times)


def report(rows: list[dict], threads: int) -> None:
    """The table, then the ratios."""
    print(f"\n{threads} thread(s); milliseconds, smallest and median")
    for row in rows:
        cpu, wall = ([row[f"{it}_ms_min"], row[f"{it}_ms_median"]] for it in ("cpu", "wall"))
        times = f"cpu {cpu[0]:8.2f} {cpu[1]:8.2f}   wall {wall[0]:8.2f} {wall[1]:8.2f}"
        print(f"{row['input']:12} {row['engine']:24} {times}")
    measured = "cpu_ms_min" if threads == 1 else "wall_ms_min"
    for name in dict.fromkeys(row["input"] for row in rows):
        of_input = {row["engine"]: row[measured] for row in rows if row["input"] == name}
        best = min(value for it, value in of_input.items() if it.startswith("onnxruntime"))
        for engine, value in of_input.items():
            if engine.startswith("ours"):
                label = engine.replace("ours", name).replace(" ", "_")
                print(f"ratio {label} {value / best:.3f}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--screen", type=Path, help="parotidd, for the ratio whole_screen")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, help="figures as JSON")
    options = parser.parse_args()
    everything = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads:
            found = (measure(options, name, threads, Path(folder)) for name in SHAPES)
            rows = [row for of_input in found for row in of_input]
            if options.screen:
                rows += measure_screen(options, threads, Path(folder))
            report(rows, threads)
            everything += rows
    if options.out:
        options.out.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
