"""Nearest upsampling x2 and a convolution, rewritten as one convolution on the coarse grid.

Of the 27 taps of a 3x3x3 kernel that looks at an upsampled tensor, several always see the same
coarse voxel; for each of the eight places (phases) inside a coarse voxel their sum is one of 2x2x2
taps. So eight times the channels at an eighth of the voxels and 8 taps in place of 27 give the same
numbers, in training and in the exported graph alike.
Along one axis, with taps w0 w1 w2 and the coarse tensor padded by one:

    phase 0:  w0 x[i-1] + (w1+w2) x[i]         phase 1:  (w0+w1) x[i] + w2 x[i+1]
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

Place = tuple[int, int, int]


def phases(kernel: tuple[int, int, int]) -> list[Place]:
    """Places inside a coarse voxel, in the order of the output's channel groups.

    An axis of one tap has one: its fine voxels are equal.
    """
    return list(itertools.product(*[(0, 1) if side == 3 else (0,) for side in kernel]))


def phase_weights(weight: Tensor) -> Tensor:
    """`[out, in, kd, kh, kw]` to `[phases * out, in, ...]` with 2 taps where there were 3."""
    groups = []
    for place in phases(tuple(weight.shape[2:])):
        group = weight
        for axis, phase in enumerate(place, start=2):
            if weight.shape[axis] == 3:
                group = _merge_taps(group, axis, phase)
        groups.append(group)
    return torch.cat(groups)


def _merge_taps(weight: Tensor, axis: int, phase: int) -> Tensor:
    first, second, third = weight.unbind(axis)
    taps = (first, second + third) if phase == 0 else (first + second, third)
    return torch.stack(taps, axis)


class Interleave(torch.autograd.Function):
    """`[n, phases * out, d + 1, h + 1, w + 1]` to `[n, out, 2 d, 2 h, 2 w]`.

    An axis of one tap keeps its length in the coarse tensor and is repeated. Written by hand
    because the gradient of eight slices is eight copies, not eight sums over the whole tensor.
    """

    @staticmethod
    def forward(context, coarse: Tensor, kernel: tuple[int, int, int]) -> Tensor:
        """Each phase to its places on the fine grid."""
        context.kernel, context.shape = kernel, coarse.shape
        n_phases = len(phases(kernel))
        sides = [
            2 * (side - int(tap == 3)) for side, tap in zip(coarse.shape[2:], kernel, strict=True)
        ]
        shape = (coarse.shape[0], coarse.shape[1] // n_phases, *sides)
        fine = torch.empty(
            shape, dtype=coarse.dtype, device=coarse.device, memory_format=torch.channels_last_3d
        )
        for source, targets in _moves(kernel, shape[1]):
            for target in targets:
                fine[target] = coarse[source]
        return fine

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None]:
        """The same places read back."""
        coarse = torch.empty(
            context.shape,
            dtype=gradient.dtype,
            device=gradient.device,
            memory_format=torch.channels_last_3d,
        ).zero_()
        for source, targets in _moves(context.kernel, gradient.shape[1]):
            coarse[source] = sum((gradient[target] for target in targets[1:]), gradient[targets[0]])
        return coarse, None


def _moves(kernel: tuple[int, int, int], n_channels: int) -> list[tuple[tuple, list[tuple]]]:
    """For each phase: its slices of the coarse tensor, and where they go on the fine grid."""
    moves = []
    for group, place in enumerate(phases(kernel)):
        source = [slice(None), slice(group * n_channels, (group + 1) * n_channels)]
        steps = []
        for tap, phase in zip(kernel, place, strict=True):
            if tap == 3:
                # Phase 0 leaves out the last place of an axis of two taps, phase 1 the first.
                source.append(slice(0, -1) if phase == 0 else slice(1, None))
                steps.append([slice(phase, None, 2)])
            else:
                source.append(slice(None))
                steps.append([slice(0, None, 2), slice(1, None, 2)])
        targets = [(slice(None), slice(None), *step) for step in itertools.product(*steps)]
        moves.append((tuple(source), targets))
    return moves


def upsample_and_convolve(convolution: nn.Conv3d, coarse: Tensor) -> Tensor:
    """What `convolution` gives on the tensor upsampled x2 by repeating voxels."""
    kernel = tuple(convolution.weight.shape[2:])
    out = functional.conv3d(
        coarse,
        phase_weights(convolution.weight),
        convolution.bias.repeat(len(phases(kernel))),
        # One on either side for 2 taps: each phase then looks at its own end.
        padding=[int(tap == 3) for tap in kernel],
    )
    return Interleave.apply(out, kernel)
