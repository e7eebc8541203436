"""Random changes of place, shape, sharpness and noise, made while training.

Real CTs of the training set are coarse and phantoms are sharp, so sharpness, noise and grid vary
for both until the network cannot learn resolution as a sign. Choices come from numpy's generator,
fields of noise from torch's; a checkpoint keeps the state of both.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .tasks import Task

AIR = -1.0
"""Input of voxels beyond the field of view."""
BENT_SHARE = 0.35
"""Share of the windows whose anatomy is bent."""
BENDS = (4, 4, 4)
"""Places of the random displacement, interpolated between."""
STREAK_HU = (10.0, 80.0)
"""Range of the streaks' standard deviation at `STREAK_MM` from the metal, log-uniform."""
STREAK_MM = 25.0
"""Distance at which streaks have half their strength."""
STREAK_SLICES = (4, 24)
"""Slices that the metal reaches over, ends excluded."""
N_RAYS = 72
"""Values around half a turn that a slice's streaks are interpolated between."""


def cut_window(
    volume: np.ndarray, start: np.ndarray, shape: tuple[int, ...], outside: float
) -> np.ndarray:
    """Copy of a box that may reach beyond the volume."""
    out = np.full(shape, outside, dtype=np.float32)
    source, place = [], []
    for first, side, length in zip(start, shape, volume.shape, strict=True):
        low, high = max(first, 0), min(first + side, length)
        if low >= high:
            return out
        source.append(slice(low, high))
        place.append(slice(low - first, high - first))
    out[tuple(place)] = volume[tuple(source)]
    return out


def spatial(
    task: Task,
    volume: np.ndarray,
    target: np.ndarray,
    center: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """A window around `center` of a normalized volume, most often turned, scaled and bent."""
    window = np.array(task.window)
    if rng.random() < 0.6:
        pair = _warped(task, volume, target, center, rng)
    else:
        start = np.round(center - (window - 1) / 2.0).astype(int)
        pair = torch.from_numpy(
            np.stack(
                [
                    cut_window(volume, start, task.window, AIR),
                    cut_window(target, start, task.window, 0.0),
                ]
            )
        )
    if task.mirror_columns and rng.random() < 0.5:
        pair = pair.flip(3)
    if task.blank_ends and rng.random() < 0.3:
        _blank_end(pair, rng)
    return pair[0], pair[1]


def _warped(
    task: Task,
    volume: np.ndarray,
    target: np.ndarray,
    center: np.ndarray,
    rng: np.random.Generator,
) -> Tensor:
    """`[2, d, h, w]`: both interpolated at turned, scaled and bent places."""
    angles = np.deg2rad(rng.uniform(-1.0, 1.0, 3) * task.rotation_degrees)
    scale = rng.uniform(*task.scale_range) * rng.uniform(0.96, 1.04, 3)
    matrix = _rotation(angles) / scale
    # Places are in -1..1 along each axis, x first, as grid_sample has them.
    side = np.array(volume.shape)
    window = np.array(task.window)
    to_case = 2.0 / np.maximum(side - 1, 1)
    theta = matrix * ((window - 1) / 2.0)[None, :] * to_case[:, None]
    shift = (center - (side - 1) / 2.0) * to_case
    theta, shift = theta[::-1, ::-1], shift[::-1]
    theta = np.concatenate([theta, shift[:, None]], axis=1).astype(np.float32)
    grid = functional.affine_grid(
        torch.from_numpy(theta)[None], [1, 1, *task.window], align_corners=True
    )
    if rng.random() < BENT_SHARE:
        reach = torch.from_numpy((task.bend_voxels * to_case[::-1]).astype(np.float32))
        bends = (torch.rand(1, 3, *BENDS) * 2.0 - 1.0) * reach.view(1, 3, 1, 1, 1)
        bends = functional.interpolate(
            bends, size=task.window, mode="trilinear", align_corners=True
        )
        grid = grid + bends.permute(0, 2, 3, 4, 1)
    both = torch.from_numpy(np.stack([volume - np.float32(AIR), target]))
    out = functional.grid_sample(both[None], grid, align_corners=True)[0]
    out[0] += AIR
    return out


def _rotation(angles: np.ndarray) -> np.ndarray:
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def _blank_end(pair: Tensor, rng: np.random.Generator) -> None:
    n_slices = pair.shape[1]
    n = int(rng.integers(1, n_slices // 2))
    gone = slice(0, n) if rng.random() < 0.5 else slice(n_slices - n, None)
    pair[0, gone], pair[1, gone] = AIR, 0.0


def without_glands(
    volume: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Real anatomy in which there is no gland to find.

    The part of the scan above the glands or below them; or the whole scan upside down or turned to
    its back, as a wrong orientation makes it: its sides could not be trusted.
    """
    inside = np.flatnonzero((target > 0.0).any(axis=(1, 2)))
    empty = np.zeros_like(target)
    if not inside.size:
        return volume, empty
    n_below, n_above = inside[0], volume.shape[0] - 1 - inside[-1]
    kind = rng.random()
    if kind < 0.35:
        return volume[::-1], empty
    if kind < 0.5:
        return volume[:, ::-1], empty
    longest = max(n_below, n_above)
    # A voxel's distance from the gland, and enough slices left to be a scan.
    if longest < 6:
        return volume[::-1], empty
    if n_above > 5 and (n_below <= 5 or rng.random() < 0.5):
        return volume[inside[-1] + 2 :], empty[inside[-1] + 2 :]
    return volume[: inside[0] - 1], empty[: inside[0] - 1]


def intensity(task: Task, volume: Tensor, rng: np.random.Generator) -> Tensor:
    """Sharpness, contrast, noise; the result is in -1..1 like every input."""
    kind = rng.random()
    if kind < 0.3:
        along, across = rng.uniform(0.0, task.blur_voxels, 2) * (1.0, rng.uniform())
        volume = _blurred(volume, (along, across, across))
    elif kind < 0.55:
        volume = _down_and_up(volume, task.downsampling, rng)
    shift = task.normalized(rng.uniform(-1.0, 1.0) * task.shift_hu)
    volume = volume * rng.uniform(0.92, 1.08) + shift
    if rng.random() < 0.3:
        bent = (volume * 0.5 + 0.5).clamp(0.0, 1.0) ** rng.uniform(0.8, 1.25)
        volume = bent * 2.0 - 1.0
    if rng.random() < task.streak_share:
        volume = volume + _streaks(task, tuple(volume.shape), rng)
    if rng.random() < 0.8:
        volume = volume + _noise(task, tuple(volume.shape), rng)
    return volume.clamp(-1.0, 1.0)


def _blurred(volume: Tensor, sigmas: tuple[float, float, float]) -> Tensor:
    """Gaussian smoothing with a standard deviation in voxels for each axis."""
    out = volume[None, None]
    for axis, sigma in enumerate(sigmas):
        if sigma < 0.15:
            continue
        reach = max(1, int(3.0 * sigma + 0.5))
        places = torch.arange(-reach, reach + 1, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (places / sigma) ** 2)
        shape, padding = [1, 1, 1, 1, 1], [0, 0, 0]
        shape[2 + axis] = len(kernel)
        padding[axis] = reach
        ends = [side for pad in reversed(padding) for side in (pad, pad)]
        padded = functional.pad(out, ends, mode="replicate")
        out = functional.conv3d(padded, (kernel / kernel.sum()).view(shape))
    return out[0, 0]


def _down_and_up(volume: Tensor, factor_max: float, rng: np.random.Generator) -> Tensor:
    """Coarser along slices, in plane, or both, and back on the same grid."""
    across, in_plane = rng.uniform(1.0, factor_max, 2)
    if rng.random() < 0.5:
        across, in_plane = (1.0, in_plane) if rng.random() < 0.5 else (across, 1.0)
    shape = tuple(volume.shape)
    coarse = [
        max(2, round(side / factor))
        for side, factor in zip(shape, (across, in_plane, in_plane), strict=True)
    ]
    # Averaging first is what a thicker slice or a softer kernel does.
    sigmas = [0.35 * side / n if n < side else 0.0 for side, n in zip(shape, coarse, strict=True)]
    out = _blurred(volume, tuple(sigmas))[None, None]
    for size in (coarse, shape):
        out = functional.interpolate(out, size=size, mode="trilinear", align_corners=True)
    return out[0, 0]


def _noise(task: Task, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Gaussian noise of a random strength, correlated in plane as a soft kernel makes it."""
    low, high = np.log(task.noise_hu)
    strength = task.normalized(float(np.exp(rng.uniform(low, high))))
    noise = torch.randn(shape)
    if rng.random() < 0.5:
        sigma = rng.uniform(0.3, 1.2)
        noise = _blurred(noise, (0.5 * sigma, sigma, sigma))
        noise = noise / (noise.std() + 1e-6)
    return noise * strength


def _streaks(task: Task, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Bright and dark lines through a piece of metal, a few slices high, as fillings throw them.

    A line shows on both sides of the metal, so a value belongs to an angle of half a turn.
    """
    n_slices, *plane = shape
    # Teeth lie in front of the gland and towards the middle, where a crop's last column is.
    metal = [plane[0] * rng.uniform(-0.8, 0.7), plane[1] * rng.uniform(0.4, 1.8)]
    rows, columns = np.mgrid[: plane[0], : plane[1]]
    rows, columns = rows - metal[0], columns - metal[1]
    ray = np.mod(np.arctan2(rows, columns), np.pi) / np.pi * N_RAYS
    first = np.minimum(ray.astype(int), N_RAYS - 1)
    along = ray - first
    low, high = np.log(STREAK_HU)
    strength = 2.0 * task.normalized(float(np.exp(rng.uniform(low, high))))
    fading = strength / (1.0 + np.hypot(rows, columns) * task.spacing_mm / STREAK_MM)
    # The same metal lies in neighbouring slices: each has its rays, and half of those before it.
    rays = rng.standard_normal((n_slices + 1, N_RAYS)) / np.sqrt(2.0)
    rays = rays[1:] + rays[:-1]
    n_high = int(rng.integers(*STREAK_SLICES))
    begin = int(rng.integers(1 - n_high, n_slices))
    height = np.arange(n_slices)
    rays[(height < begin) | (height >= begin + n_high)] = 0.0
    rays = np.concatenate([rays, rays[:, :1]], axis=1)
    lines = rays[:, first] * (1.0 - along) + rays[:, first + 1] * along
    return torch.from_numpy((lines * fading).astype(np.float32))
