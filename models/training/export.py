"""Exports a checkpoint: `python -m training.export --task T --tensors DIR --work DIR --out DIR`.

Writes the quantized `<task>.onnx` and its manifest, and `<task>.f32.onnx` into the work folder;
checks that the graph equals the PyTorch network, and measures what quantization changes.
`--golden DIR` also writes a small input and the file's answer, for the parity test.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np
import onnx
import torch
from scipy import ndimage

from . import calibration, manifest, quantize, validate
from .checkpoint import exported
from .data import Case, read_indices, training_cases
from .graph import build
from .network import Network, layers
from .tasks import TASKS, Task
from .train import predictor, spread

N_CALIBRATION = 20
"""Training crops that the 8 bit scales come from."""
N_PLATT = 160
"""Validation crops that the calibration of probabilities comes from."""
EQUAL = 1e-5
"""Largest difference of a logit between PyTorch and the f32 graph, for logits of order 1."""
SHAPES = ((16, 16, 16), (32, 48, 16), (16, 32, 64), (80, 80, 64))
GOLDEN_SHAPE = (16, 32, 48)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), required=True)
    parser.add_argument("--tensors", type=Path, required=True, nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--cases", type=int, default=200, help="most cases a cohort is measured on")
    return parser.parse_args()


def check_equal(network: Network, model: onnx.ModelProto) -> float:
    """Largest difference between PyTorch and the graph over several shapes, relative above 1."""
    engine, reference = quantize.session(model), predictor(network)
    rng = np.random.default_rng(0)
    worst = 0.0
    for shape in SHAPES:
        volume = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
        expected = reference(volume)
        difference = np.abs(quantize.run(engine, volume) - expected)
        worst = max(worst, float((difference / np.maximum(np.abs(expected), 1.0)).max()))
    if worst > EQUAL:
        raise SystemExit(f"the graph differs from the network by {worst}")
    return worst


def differences(task: Task, cases: list[Case], a: onnx.ModelProto, b: onnx.ModelProto) -> dict:
    """How far apart the probabilities of two graphs are."""
    engines = [quantize.session(model) for model in (a, b)]
    largest, mean = [], []
    for case in cases:
        crop, _ = validate.middle(task, case)
        one, other = (1.0 / (1.0 + np.exp(-quantize.run(engine, crop))) for engine in engines)
        largest.append(float(np.abs(one - other).max()))
        mean.append(float(np.abs(one - other).mean()))
    return {
        "n_crops": len(cases),
        "probability_difference_mean": round(float(np.mean(mean)), 6),
        "probability_difference_max_median": round(float(np.median(largest)), 4),
    }


def cohorts(cases: list[Case], n: int) -> dict[str, list[Case]]:
    """What is measured: each source's validation and test cases, apart."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if case.split != "train":
            found.setdefault(f"{case.source}_{case.split}", []).append(case)
    return {name: spread(members, n) for name, members in sorted(found.items())}


def write_golden(folder: Path, task: Task, model: onnx.ModelProto) -> None:
    """A small made-up input (no patient's) and the answer of onnxruntime."""
    noise = np.random.default_rng(0).standard_normal(GOLDEN_SHAPE, dtype=np.float32)
    clouds = ndimage.gaussian_filter(noise, 2.5)
    volume = np.clip(clouds / clouds.std() * 0.5 - 0.2, -1.0, 1.0).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{task.name}_input.npy", volume)
    logits = quantize.run(quantize.session(model), volume)
    np.save(folder / f"{task.name}_logits.npy", logits)


def main() -> None:
    """The command."""
    options = arguments()
    torch.set_num_threads(1)
    task = TASKS[options.task]
    cases = read_indices(options.tensors, task)
    train = training_cases(task, cases)
    network, run = exported(options.work / "checkpoint.pt")
    held_out = [case for case in cases if case.split == "validation"]
    calibrated = {}
    if task.input_shape is not None:
        calibrated = calibration.fit(task, spread(held_out, N_PLATT), predictor(network))
        calibration.fold(network, calibrated["slope"], calibrated["offset"])
        print("calibration", calibrated)
    torch.save(network.state_dict(), options.work / "weights.pt")

    exact = build(list(layers(network)))
    print(f"PyTorch and the f32 graph differ by {check_equal(network, exact):.1e}")
    onnx.save(exact, options.work / f"{task.name}.f32.onnx")
    crops = [validate.middle(task, case)[0] for case in spread(train, N_CALIBRATION)]
    scales = quantize.scales(list(layers(network)), crops)
    rounded = build(list(layers(network)), scales)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{task.name}.onnx"
    onnx.save(rounded, path)

    engine = quantize.session(rounded)
    figures = {}
    for name, members in cohorts(cases, options.cases).items():
        figures[name] = validate.measure(task, members, lambda v: quantize.run(engine, v))
        print(name, "int8", figures[name])
        print(name, "f32 ", validate.measure(task, members, predictor(network)))
    if calibrated:
        figures["calibration"] = {name: round(value, 5) for name, value in calibrated.items()}
    figures["int8_against_f32"] = differences(task, spread(held_out, 20), exact, rounded)
    print(figures["int8_against_f32"])
    training = {
        "data": sorted({case.source for case in train}),
        "n_patients": [
            len({case.patient for case in train if case.source == source})
            for source in sorted({case.source for case in train})
        ],
        "n_tensors": len(train),
        "seed": run["seed"],
        "steps": run["step"],
        "batch": task.batch,
        "minutes": round(run["seconds"] / 60.0, 1),
        "date": datetime.date.today().isoformat(),
    }
    manifest.write(task, path, options.version, training, figures)
    if options.golden:
        write_golden(options.golden, task, rounded)


if __name__ == "__main__":
    main()
