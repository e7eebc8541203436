"""Figures on patients kept out of training, for any way to run the network.

`predict` maps one input `[d, h, w]`, sides multiples of 16, to logits of the same shape.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.special import expit

from .augment import AIR, cut_window
from .data import Case
from .network import MULTIPLE
from .tasks import TUMOR_VOXELS_MIN, Task

Predict = Callable[[np.ndarray], np.ndarray]
CLEAR_OVERLAP_MAX = 0.05
"""A gland is clear of target volumes up to this share; only those are surely free of disease."""
CONNECTED = np.ones((3, 3, 3), dtype=int)


def _components(mask: np.ndarray) -> list[np.ndarray]:
    """Places of each 26-connected component, largest first."""
    labels, n = ndimage.label(mask, CONNECTED)
    found = [np.argwhere(labels == n_label + 1) for n_label in range(n)]
    return sorted(found, key=len, reverse=True)


def gland_centers(probability: np.ndarray, body_middle: float) -> dict[str, np.ndarray]:
    """Centre of each side's largest component at 0.5, in voxels.

    Sides part at the midpoint of the two largest components, or at the body's middle where there is
    only one.
    """
    components = _components(probability >= 0.5)
    middle = body_middle
    if len(components) > 1 and 4 * len(components[1]) >= len(components[0]):
        first, second = (part.mean(axis=0)[2] for part in components[:2])
        if abs(first - second) > 6.0:
            middle = (first + second) / 2.0
    found: dict[str, np.ndarray] = {}
    for part in components:
        center = part.mean(axis=0)
        found.setdefault("right" if center[2] < middle else "left", center)
    return found


def heatmap(volume: np.ndarray, predict: Predict) -> np.ndarray:
    """Probabilities for a volume of any shape."""
    shape = tuple(-(-side // MULTIPLE) * MULTIPLE for side in volume.shape)
    logits = predict(cut_window(volume, np.zeros(3, dtype=int), shape, AIR))
    return expit(logits[tuple(slice(0, side) for side in volume.shape)])


def localizer(task: Task, cases: list[Case], predict: Predict) -> dict[str, float]:
    """Share of the true glands whose centre is found within 10 mm, and the errors.

    `no_gland_found` is the share of volumes without a gland, and of heads turned upside down, in
    which one is found all the same.
    """
    errors, n_truth, n_false, n_swapped = [], 0, 0, 0
    n_no_gland, n_no_gland_found = 0, 0
    for case in cases:
        volume, target = case.load()
        middle = float(np.argwhere(volume > -0.3)[:, 2].mean())
        truth = gland_centers(target, middle)
        # Upside down no gland can be trusted to be on its side.
        for without in [volume[::-1]] if truth else [volume]:
            n_no_gland += 1
            n_no_gland_found += int(bool(gland_centers(heatmap(without, predict), middle)))
        if not truth:
            continue
        found = gland_centers(heatmap(volume, predict), middle)
        n_truth += len(truth)
        n_false += len(set(found) - set(truth))
        for side, center in truth.items():
            if side in found:
                error = float(np.linalg.norm(found[side] - center)) * task.spacing_mm
                errors.append(error)
                n_swapped += int(error > 60.0)
    within = sum(error <= 10.0 for error in errors)
    return {
        "n_glands": n_truth,
        "within_10_mm": within / max(n_truth, 1),
        "not_found": (n_truth - len(errors)) / max(n_truth, 1),
        "error_mm_median": float(np.median(errors)) if errors else float("nan"),
        "error_mm_p95": float(np.percentile(errors, 95)) if errors else float("nan"),
        "n_found_without_truth": n_false,
        "n_wrong_side": n_swapped,
        "n_no_gland": n_no_gland,
        "no_gland_found": n_no_gland_found / max(n_no_gland, 1),
    }


def middle(task: Task, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Input and target of the training window at the middle of a case."""
    volume, target = case.load()
    start = (np.array(volume.shape) - np.array(task.window)) // 2
    return (
        cut_window(volume, start, task.window, AIR),
        cut_window(target, start, task.window, 0.0),
    )


def segmenter(task: Task, cases: list[Case], predict: Predict) -> dict[str, float]:
    """Dice of the masses drawn in, and the share of crops without one that would flag.

    `clear_flagged` counts only glands clear of radiotherapy target volumes.
    """
    dice, flagged_positive, flagged_empty, flagged_clear, scores, truths = [], [], [], [], [], []
    for case in cases:
        crop, target = middle(task, case)
        truth = target > 0.5
        logits = predict(crop)
        mask = logits >= 0.0
        components = _components(mask)
        largest = len(components[0]) if components else 0
        scores.append(largest + float(expit(logits.max())))
        truths.append(bool(truth.any()))
        if truth.any():
            dice.append(2.0 * float((mask & truth).sum()) / float(mask.sum() + truth.sum()))
            flagged_positive.append(largest >= TUMOR_VOXELS_MIN)
        else:
            flagged_empty.append(largest >= TUMOR_VOXELS_MIN)
            if case.target_overlap <= CLEAR_OVERLAP_MAX:
                flagged_clear.append(largest >= TUMOR_VOXELS_MIN)
    quartiles = np.percentile(dice, [25, 50, 75]) if dice else [float("nan")] * 3
    return {
        "n_positive": len(dice),
        "n_empty": len(flagged_empty),
        "dice_median": float(quartiles[1]),
        "dice_q1": float(quartiles[0]),
        "dice_q3": float(quartiles[2]),
        "sensitivity": float(np.mean(flagged_positive)) if dice else float("nan"),
        "empty_flagged": float(np.mean(flagged_empty)) if flagged_empty else float("nan"),
        "n_clear": len(flagged_clear),
        "clear_flagged": float(np.mean(flagged_clear)) if flagged_clear else float("nan"),
        "auc": _auc(np.array(scores), np.array(truths)),
    }


def _auc(scores: np.ndarray, truths: np.ndarray) -> float:
    positives, negatives = scores[truths], scores[~truths]
    if not positives.size or not negatives.size:
        return float("nan")
    above = (positives[:, None] > negatives).mean()
    return float(above + 0.5 * (positives[:, None] == negatives).mean())


def measure(task: Task, cases: list[Case], predict: Predict) -> dict[str, float]:
    """The stage's figures, rounded to what so few cases can say."""
    figures = localizer if task.name == "localizer" else segmenter
    return {name: round(value, 4) for name, value in figures(task, cases, predict).items()}
