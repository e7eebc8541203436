"""Nearest upsampling x2 and a convolution, rewritten as one convolution on the coarse grid.

Of the 27 taps of a 3x3x3 kernel that looks at an upsampled tensor, several always see the same
coarse voxel; for each of the eight places (phases) inside a coarse voxel their sum is one of 2x2x2
taps. So eight times the channels at an eighth of the voxels and 8 taps in place of 27 give the same
numbers.
Along one axis, with taps w0 w1 w2 and the coarse tensor padded by one:

    phase 0:  w0 x[i-1] + (w1+w2) x[i]         phase 1:  (w0+w1) x[i] + w2 x[i+1]
"""

import itertools

import numpy as np


def phases(kernel: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Places inside a coarse voxel, in the order of the output's channel groups.

    An axis of one tap has one: its fine voxels are equal.
    """
    return list(itertools.product(*[(0, 1) if side == 3 else (0,) for side in kernel]))


def phase_weights(weight: np.ndarray) -> np.ndarray:
    """`[out, in, kd, kh, kw]` to `[phases * out, in, ...]` with 2 taps where there were 3."""
    groups = []
    for place in phases(weight.shape[2:]):
        group = weight
        for axis, phase in enumerate(place, start=2):
            if weight.shape[axis] == 3:
                group = _merge_taps(group, axis, phase)
        groups.append(group)
    return np.concatenate(groups)


def _merge_taps(weight: np.ndarray, axis: int, phase: int) -> np.ndarray:
    first, second, third = (weight.take([tap], axis=axis) for tap in range(3))
    taps = (first, second + third) if phase == 0 else (first + second, third)
    return np.concatenate(taps, axis=axis)
