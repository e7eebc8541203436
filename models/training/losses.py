"""Hard-voxel cross entropy and soft Dice, on every level of the decoder."""

import torch
from torch import Tensor
from torch.nn import functional

HARD_SHARE = 0.1
"""Share of the voxels, the worst ones, that the cross entropy looks at."""
DICE_SMOOTHING = 60.0
"""Voxels added to both sides of Dice; what a false outline must exceed to cost much."""


def single(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Loss of one level; both are `[n, 1, d, h, w]`."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    flat = entropy.flatten(1)
    n_hard = max(1, int(flat.shape[1] * HARD_SHARE))
    hard = flat.topk(n_hard, dim=1, sorted=False).values.mean()
    probability = torch.sigmoid(logits).flatten(1)
    truth = target.flatten(1)
    both = (probability * truth).sum(dim=1)
    total = probability.sum(dim=1) + truth.sum(dim=1)
    dice = (2.0 * both + smoothing) / (total + smoothing)
    return hard + (1.0 - dice).mean()


def deep(logits: list[Tensor], target: Tensor) -> Tensor:
    """Levels weigh 1, 1/2, 1/4, 1/8, divided by their sum; coarse targets are fractions."""
    total, weights = target.new_zeros(()), 0.0
    for level, prediction in enumerate(logits):
        if level:
            target = functional.avg_pool3d(target, 2)
        weight = 0.5**level
        total = total + weight * single(prediction, target, DICE_SMOOTHING / 8.0**level)
        weights += weight
    return total / weights
