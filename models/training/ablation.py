"""What a part of the recipe is worth: `python -m training.ablation --tensors DIR.. --work DIR`.

Trains the segmenter from nothing several times for equally many steps, with the same seed and
cases: as the recipe has it, without deep supervision, without negatives, without focal weights.
Measures each on the patients kept out of training and writes `WORK/ablation.csv`. Each run goes on
where it stopped.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from . import validate
from .checkpoint import exported
from .data import Case, read_indices
from .journal import write_table
from .tasks import TASKS
from .train import predictor, spread

VARIANTS: dict[str, list[str]] = {
    "recipe": [],
    "no_deep_supervision": ["--deep-weight", "0"],
    "no_negatives": ["--without-negatives"],
    "no_focal_weights": ["--focal-gamma", "0"],
}
TASK = "segmenter"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tensors", type=Path, required=True, nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--cases", type=int, default=200, help="most cases a cohort is measured on")
    parser.add_argument("--variants", nargs="+", choices=sorted(VARIANTS), default=list(VARIANTS))
    return parser.parse_args()


def train(variant: str, options: argparse.Namespace) -> Path:
    """Runs one variant to its end; the checkpoint."""
    work = options.work / variant
    command = [sys.executable, "-m", "training.train", "--task", TASK, "--tensors"]
    command += [str(folder) for folder in options.tensors]
    command += ["--work", str(work), "--steps", str(options.steps), "--validate-every", "1000000"]
    subprocess.run(command + VARIANTS[variant], check=True)
    return work / "checkpoint.pt"


def cohorts(cases: list[Case], n: int) -> dict[str, list[Case]]:
    """Cases kept out of training, a source apart."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if case.split != "train":
            found.setdefault(case.source, []).append(case)
    return {name: spread(members, n) for name, members in sorted(found.items())}


def main() -> None:
    """The command."""
    options = arguments()
    torch.set_num_threads(1)
    task = TASKS[TASK]
    held_out = cohorts(read_indices(options.tensors, task), options.cases)
    rows = []
    for variant in options.variants:
        network, run = exported(train(variant, options))
        for source, members in held_out.items():
            figures = validate.measure(task, members, predictor(network))
            rows.append({"variant": variant, "cohort": source, "steps": run["step"]} | figures)
            print(rows[-1], flush=True)
    write_table(options.work / "ablation.csv", rows)


if __name__ == "__main__":
    main()
