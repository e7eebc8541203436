"""Tensors written by `parotidd prepare`, and windows drawn from them.

`DIR/<task>/index.csv` names one pair of npy files a row: `input`, already normalized by the code
that inference uses, times 127, and `target`, the share of each voxel that is inside, times 255.
Both are `[slice, row, column]`.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from . import augment
from .tasks import SOURCE_WEIGHTS, Task

TARGET_OVERLAP_MAX = 0.25
"""A real gland more inside a target volume than this is no example of a healthy one."""
HARD_VOXELS = 500.0
"""A false outline of so many voxels makes a crop without a mass twice as likely to come back."""
HARD_FACTOR_MAX = 4.0
"""Most that false outlines add to a crop's chance."""
MISSED_FACTOR = 3.0
"""What a mass that is missed whole adds to its crop's chance."""
EASIER = 0.7
"""What a crop's difficulty keeps of its last value when it is seen again."""


@dataclass(frozen=True)
class Case:
    """One row of the index."""

    case: str
    patient: str
    source: str
    split: str
    positive: bool
    target_overlap: float
    """Share of a real gland inside a radiotherapy target volume, where disease may be."""
    input: Path
    target: Path

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Input in -1..1 and target in 0..1, float32."""
        volume = np.load(self.input).astype(np.float32) / np.float32(127.0)
        return volume, np.load(self.target).astype(np.float32) / np.float32(255.0)


def read_indices(folders: list[Path], task: Task) -> list[Case]:
    """Every case of one stage in all folders, in order; patients never cross splits."""
    cases = [case for folder in folders for case in _read_index(folder / task.name)]
    split_of: dict[str, str] = {}
    for case in cases:
        if split_of.setdefault(case.patient, case.split) != case.split:
            raise ValueError(f"patient {case.patient} is in two splits")
    return cases


def _read_index(folder: Path) -> list[Case]:
    cases = []
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            tumor_cm3 = row.get("tumor_cm3")
            cases.append(
                Case(
                    # A patient's glands may be prepared more than once, with other masses.
                    case=f"{folder.parent.name}/{row['case']}",
                    patient=row["patient"],
                    source=row["source"],
                    split=row["split"],
                    positive=tumor_cm3 is None or float(tumor_cm3 or 0.0) > 0.0,
                    target_overlap=float(row.get("target_overlap") or 0.0),
                    input=folder / row["input"],
                    target=folder / row["target"],
                )
            )
    return cases


def training_cases(task: Task, cases: list[Case]) -> list[Case]:
    """The cases that may be learnt from.

    A gland that nobody outlined on a real CT may well be there, and one inside a radiotherapy
    target may be ill; teaching the opposite would be wrong. A phantom's truth is complete.
    """
    keep = _is_outlined if task.input_shape is None else _is_certain
    return [
        case for case in cases if case.split == "train" and (case.source != "openkbp" or keep(case))
    ]


def _is_outlined(case: Case) -> bool:
    return int(ndimage.label(np.load(case.target) >= 128)[1]) > 1


def _is_certain(case: Case) -> bool:
    return case.positive or case.target_overlap <= TARGET_OVERLAP_MAX


class Sampler:
    """Draws augmented training batches: source by weight, then positive or not, then a case.

    Crops without a mass in which the network outlined one come back more often, and so do masses
    that it missed.
    """

    def __init__(self, task: Task, cases: list[Case], rng: np.random.Generator):
        self.task = task
        self.rng = rng
        self.strata: dict[tuple[str, bool], list[Case]] = {}
        for case in cases:
            self.strata.setdefault((case.source, case.positive), []).append(case)
        if not self.strata:
            raise ValueError("there is no training case")
        self.difficulty: dict[str, float] = {}
        self.drawn: list[Case] = []

    def _draw_case(self) -> Case:
        sources = sorted({source for source, _ in self.strata})
        weights = np.array([SOURCE_WEIGHTS.get(source, 0.1) for source in sources])
        source = sources[self.rng.choice(len(sources), p=weights / weights.sum())]
        positive = self.rng.random() < self.task.positive_share
        cases = self.strata.get((source, positive)) or self.strata[(source, not positive)]
        chances = np.array([1.0 + self.difficulty.get(case.case, 0.0) for case in cases])
        return cases[self.rng.choice(len(cases), p=chances / chances.sum())]

    def batch(self) -> tuple[Tensor, Tensor]:
        """`[batch, 1, d, h, w]` float32 input and target."""
        self.drawn = [self._draw_case() for _ in range(self.task.batch)]
        pairs = [self._window(*case.load()) for case in self.drawn]
        inputs, targets = zip(*pairs, strict=True)
        return torch.stack(inputs)[:, None], torch.stack(targets)[:, None]

    def learn_from(self, logits: Tensor, targets: Tensor) -> None:
        """Notes what was falsely outlined or missed in the last batch's crops."""
        if self.task.input_shape is None:
            return
        outlined, mass = (values.flatten(1) for values in (logits.detach() >= 0.0, targets >= 0.5))
        n_outlined = outlined.sum(dim=1).tolist()
        n_found = (outlined & mass).sum(dim=1).tolist()
        n_mass = mass.sum(dim=1).tolist()
        for index, case in enumerate(self.drawn):
            if not case.positive:
                now = min(n_outlined[index] / HARD_VOXELS, HARD_FACTOR_MAX)
            elif n_mass[index]:
                now = MISSED_FACTOR * (1.0 - n_found[index] / n_mass[index])
            else:
                continue
            before = self.difficulty.get(case.case, 0.0)
            self.difficulty[case.case] = EASIER * before + (1.0 - EASIER) * now

    def _window(self, volume: np.ndarray, target: np.ndarray) -> tuple[Tensor, Tensor]:
        if self.task.no_gland_share and self.rng.random() < self.task.no_gland_share:
            volume, target = augment.without_glands(volume, target, self.rng)
        center = self._center(target)
        window, mask = augment.spatial(self.task, volume, target, center, self.rng)
        return augment.intensity(self.task, window, self.rng), mask

    def _center(self, target: np.ndarray) -> np.ndarray:
        """Middle of the window, in voxels of the case."""
        shape = np.array(target.shape)
        window = np.array(self.task.window)
        if self.task.input_shape is not None:
            # Crops are centred on the gland: their margin is the room for jitter.
            room = (shape - window) / 2.0
            return (shape - 1) / 2.0 + self.rng.uniform(-room, room)
        if self.rng.random() < self.task.positive_share:
            inside = np.flatnonzero(target > 0.5)
            if inside.size:
                found = np.unravel_index(inside[self.rng.integers(inside.size)], target.shape)
                return np.array(found) + self.rng.uniform(-0.4, 0.4, 3) * window
        return self.rng.uniform(0.0, 1.0, 3) * shape
