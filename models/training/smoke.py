"""Random tensors in the format of `parotidd prepare`, to see the recipe run in a minute."""

import argparse
import csv
from pathlib import Path

import numpy as np

from .tasks import TASKS, Task

MARGIN = 8


def _blob(shape: tuple[int, ...], center: np.ndarray, radius: float) -> np.ndarray:
    places = np.indices(shape).transpose(1, 2, 3, 0) - center
    return (np.linalg.norm(places, axis=-1) <= radius).astype(np.float32)


def pair(task: Task, rng: np.random.Generator, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Noise with bright balls, and the balls."""
    window = np.array(task.window)
    shape = tuple(window + 2 * MARGIN if task.input_shape else (window * 3) // 4)
    target = np.zeros(shape, dtype=np.float32)
    if positive and task.input_shape:
        target = _blob(shape, np.array(shape) / 2 + rng.uniform(-6, 6, 3), rng.uniform(6, 12))
    elif positive:
        for column in (0.25, 0.75):
            middle = np.array(shape) * (0.5, 0.5, column) + rng.uniform(-4, 4, 3)
            target = np.maximum(target, _blob(shape, middle, rng.uniform(3, 5)))
    noise = rng.standard_normal(shape, dtype=np.float32) * 0.1
    return np.clip(target * 0.8 - 0.2 + noise, -1, 1).astype(np.float32), target


def write(folder: Path, n_cases: int, seed: int) -> None:
    """Both stages' folders."""
    for task in TASKS.values():
        rng = np.random.default_rng(seed)
        out = folder / task.name
        out.mkdir(parents=True, exist_ok=True)
        rows = []
        for n in range(n_cases):
            positive = task.input_shape is None or n % 3 < 2
            volume, target = pair(task, rng, positive)
            np.save(out / f"{n}_input.npy", np.round(volume * 127.0).astype(np.int8))
            np.save(out / f"{n}_target.npy", np.round(target * 255.0).astype(np.uint8))
            row = {
                "case": f"{n}",
                "patient": f"p{n}",
                "source": "phantom",
                "split": "validation" if n >= n_cases - 3 else "train",
                "input": f"{n}_input.npy",
                "target": f"{n}_target.npy",
            }
            if task.input_shape:
                row |= {"side": "right", "variant": "0", "tumor_cm3": f"{target.sum() / 1000}"}
            rows.append(row)
        with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def main() -> None:
    """`python -m training.smoke DIR`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=9)
    options = parser.parse_args()
    write(options.folder, options.cases, seed=0)


if __name__ == "__main__":
    main()
