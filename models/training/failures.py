"""Draws missed masses: `python -m training.failures OUTCOMES --tensors DIR --out PNG`.

OUTCOMES is what `parotidd evaluate` wrote of a cohort of phantoms, DIR what `parotidd prepare`
wrote of the same. Each is shown in the slice where it is largest, without and with its outline, the
largest first. Phantoms only: the picture goes into the documentation.
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

from .data import Case, read_indices
from .tasks import TASKS

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

N_COLUMNS = 2
"""Masses beside each other."""


def missed(outcomes: Path) -> dict[str, dict]:
    """Gland with its missed mass, by patient and side."""
    found = {}
    for line in outcomes.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["kind"] != "phantom":
            raise ValueError(f"{case['case']} is no phantom")
        for gland in case["glands"]:
            if gland["mass"] and not any(it["kept"] for it in gland["candidates"]):
                found[f"{case['patient']}-{gland['side']}"] = gland
    return found


def caption(case: Case, gland: dict, volume: np.ndarray, mass: np.ndarray) -> str:
    """Size, place, contrast with its surroundings, and what the segmenter made of it."""
    task = TASKS["segmenter"]
    hu = (volume + 1.0) / 2.0 * (task.hu_max - task.hu_min) + task.hu_min
    cm3 = mass.sum() / 1000.0
    place = gland["mass"].get("place") or "mass"
    return (
        f"{cm3:.1f} cm³, {place}, {hu[mass].mean():.0f} HU, largest p "
        f"{gland['probability_max']:.3f}\n{case.patient}"
    )


def draw(cases: list[tuple[Case, dict]], title: str, path: Path) -> None:
    """A sheet of all."""
    n_rows = -(-len(cases) // N_COLUMNS)
    figure, axes = pyplot.subplots(
        n_rows, 2 * N_COLUMNS, figsize=(9.6, 2.9 * n_rows), facecolor="black", squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for number, (case, gland) in enumerate(cases):
        volume, target = case.load()
        mass = target > 0.5
        at = int(mass.sum(axis=(1, 2)).argmax())
        pair = axes[number // N_COLUMNS][2 * (number % N_COLUMNS) :][:2]
        for axis in pair:
            axis.imshow(volume[at], cmap="gray", vmin=-0.8, vmax=0.9, interpolation="bilinear")
        pair[1].contour(mass[at], levels=[0.5], colors=["#ffd040"], linewidths=1.0)
        text = caption(case, gland, volume, mass)
        pair[0].set_title(text, color="white", fontsize=7, loc="left")
    figure.text(0.02, 0.004, title, color="white", fontsize=7)
    figure.tight_layout(rect=(0, 0.012, 1, 1))
    figure.savefig(path, dpi=100)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outcomes", type=Path)
    parser.add_argument("--tensors", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", required=True, help="of the segmenter")
    parser.add_argument("--most", type=int, default=12)
    options = parser.parse_args()
    glands = missed(options.outcomes)
    cases = read_indices([options.tensors], TASKS["segmenter"])
    pairs = [
        (case, glands[key])
        for case in cases
        if case.positive and (key := "-".join(case.case.split("/")[-1].split("-")[:-1])) in glands
    ]
    pairs.sort(key=lambda pair: -pair[1]["mass"]["voxels"])
    title = (
        "Synthetic phantoms, not patients. Missed masses, truth outlined. Not for diagnostic use."
        f"  segmenter {options.version}"
    )
    print(f"{len(glands)} missed, {min(len(pairs), options.most)} drawn")
    draw(pairs[: options.most], title, options.out)


if __name__ == "__main__":
    main()
