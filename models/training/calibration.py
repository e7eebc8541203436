"""Makes the segmenter's probabilities mean what they say (Platt scaling of the logits).

Dice and focal loss bend probabilities. Two numbers, fitted on patients kept out of training, put
that right: logit -> slope * logit + offset. They become part of the last convolution, so they cost
nothing at run time and every graph made of the network has them.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .data import Case
from .network import Network
from .tasks import Task
from .validate import Predict, middle

SURE = 12.0
"""Voxels whose logits are farther from 0 than this tell nothing that could be mended."""
N_BINS = 10


def _gather(task: Task, cases: list[Case], predict: Predict) -> tuple[Tensor, Tensor]:
    logits, truths = [], []
    for case in cases:
        crop, target = middle(task, case)
        answer = predict(crop)
        unsure = np.abs(answer) < SURE
        logits.append(torch.from_numpy(answer[unsure]))
        truths.append(torch.from_numpy(target[unsure]))
    return torch.cat(logits).double(), torch.cat(truths).double()


def fit(task: Task, cases: list[Case], predict: Predict) -> dict[str, float]:
    """Slope and offset, and the expected calibration error before and after."""
    logits, truths = _gather(task, cases, predict)
    numbers = torch.tensor([1.0, 0.0], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([numbers], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        scaled = logits * numbers[0] + numbers[1]
        loss = functional.binary_cross_entropy_with_logits(scaled, truths)
        loss.backward()
        return loss

    optimizer.step(closure)
    slope, offset = numbers.tolist()
    if not 0.1 < slope < 10.0:
        raise SystemExit(f"the calibration makes no sense: slope {slope}, offset {offset}")
    return {
        "slope": slope,
        "offset": offset,
        "error_before": _error(torch.sigmoid(logits), truths),
        "error_after": _error(torch.sigmoid(slope * logits + offset), truths),
    }


def _error(probability: Tensor, truth: Tensor) -> float:
    """Expected calibration error: mean distance of share and probability over equal bins."""
    bins = (probability * N_BINS).long().clamp(max=N_BINS - 1)
    total = 0.0
    for n in range(N_BINS):
        inside = bins == n
        if inside.any():
            gap = (probability[inside].mean() - truth[inside].mean()).abs()
            total += float(gap * inside.sum() / len(bins))
    return total


def fold(network: Network, slope: float, offset: float) -> None:
    """Makes both numbers a part of the last convolution."""
    with torch.no_grad():
        network.head.weight.mul_(slope)
        network.head.bias.mul_(slope).add_(offset)
