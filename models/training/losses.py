"""Focal cross entropy and soft Dice, on every level of the decoder."""

import torch
from torch import Tensor
from torch.nn import functional

FOCAL_SHARE_MIN = 0.003
"""The weights are divided by their sum, but by no less than this share of the voxels: a crop that
is learnt must not shout about its last voxel."""
DICE_SMOOTHING = 60.0
"""Voxels added to both sides of Dice; what a false outline must exceed to cost much."""
DEEP_WEIGHT = 0.5
"""Weight of each deeper level against the one above it; 0 turns deep supervision off."""


def single(logits: Tensor, target: Tensor, smoothing: float, focal_gamma: float) -> Tensor:
    """Loss of one level; both are `[n, 1, d, h, w]`."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    probability = torch.sigmoid(logits)
    with torch.no_grad():
        # Target voxels may be fractions, so the distance from the target stands for 1 - p(truth).
        weight = (probability - target).abs() ** focal_gamma
    entropy, weight, probability, truth = (
        tensor.flatten(1) for tensor in (entropy, weight, probability, target)
    )
    total_weight = weight.sum(dim=1).clamp_min(FOCAL_SHARE_MIN * weight.shape[1])
    focal = ((weight * entropy).sum(dim=1) / total_weight).mean()
    both = (probability * truth).sum(dim=1)
    total = probability.sum(dim=1) + truth.sum(dim=1)
    dice = (2.0 * both + smoothing) / (total + smoothing)
    return focal + (1.0 - dice).mean()


def deep(
    logits: list[Tensor],
    target: Tensor,
    deep_weight: float,
    focal_gamma: float,
) -> Tensor:
    """Levels weigh 1, 1/2, 1/4, 1/8, divided by their sum; coarse targets are fractions."""
    total, weights = target.new_zeros(()), 0.0
    for level, prediction in enumerate(logits):
        weight = deep_weight**level
        if weight == 0.0:
            break
        if level:
            target = functional.avg_pool3d(target, 2)
        smoothing = DICE_SMOOTHING / 8.0**level
        total = total + weight * single(prediction, target, smoothing, focal_gamma)
        weights += weight
    return total / weights
