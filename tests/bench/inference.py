"""Ours against onnxruntime, in turn: `python inference.py PROGRAM --models DIR --threads 1 2`.

PROGRAM is what `cargo bench --bench inference --no-run` built. For each network, input and number
of threads every variant (`variants.py`) runs once a round, and ours. Prints CPU and wall time,
smallest and median, and `ratio NAME VALUE`: our smallest CPU time by that of onnxruntime's best
variant.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from variants import variants

SHAPES = {"crop": ("segmenter", (80, 80, 64)), "localizer": ("localizer", (64, 64, 96))}
OURS = {"int8": "phase_int8", "f32": "phase"}


class Peer:
    """onnxruntime on one variant."""

    def __init__(self, model: onnx.ModelProto, shape: tuple[int, ...], threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        n = int(np.prod(shape))
        values = (np.arange(n) * 7919 % 2001).astype(np.float32) / 1000 - 1
        self.volume = values.reshape(1, 1, *shape)
        self.run()

    def run(self) -> tuple[float, float]:
        """CPU and wall time of one answer, seconds."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.session.run(None, {"volume": self.volume})
        return time.process_time() - cpu, time.perf_counter() - wall


class Ours:
    """Our program on a file."""

    def __init__(self, program: Path, onnx_file: Path, manifest: Path, shape, threads: int):
        arguments = [program, onnx_file, manifest, *map(str, shape)]
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"RAYON_NUM_THREADS": str(threads)},
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
            times[it].append(engine.run())
    rows = []
    for it, pairs in times.items():
        cpu, wall = zip(*pairs, strict=True)
        row = {"input": name, "shape": shape, "threads": threads, "engine": it}
        for kind, values in (("cpu", cpu), ("wall", wall)):
            row |= {f"{kind}_ms_min": 1e3 * min(values)}
            row |= {f"{kind}_ms_median": 1e3 * statistics.median(values)}
        rows.append(row)
    for engine in engines.values():
        if isinstance(engine, Ours):
            engine.close()
    return rows


def report(rows: list[dict], threads: int) -> None:
    """The table, then the ratios."""
    print(f"\n{threads} thread(s); milliseconds, smallest and median")
    for row in rows:
        cpu, wall = ([row[f"{it}_ms_min"], row[f"{it}_ms_median"]] for it in ("cpu", "wall"))
        times = f"cpu {cpu[0]:8.2f} {cpu[1]:8.2f}   wall {wall[0]:8.2f} {wall[1]:8.2f}"
        print(f"{row['input']:10} {row['engine']:24} {times}")
    for name in SHAPES:
        of_input = {row["engine"]: row["cpu_ms_min"] for row in rows if row["input"] == name}
        best = min(value for it, value in of_input.items() if it.startswith("onnxruntime"))
        for kind in OURS:
            print(f"ratio {name}_{kind} {of_input[f'ours {kind}'] / best:.3f}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
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
            report(rows, threads)
            everything += rows
    if options.out:
        options.out.write_text(json.dumps(everything, indent=1))


if __name__ == "__main__":
    main()
