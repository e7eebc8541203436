"""Random changes of place, sharpness and noise, made while training.

Real CTs of the training set are coarse and phantoms are sharp, so sharpness, noise and grid vary
for both until the network cannot learn resolution as a sign.
"""

import numpy as np
from scipy import ndimage

from .tasks import Task

AIR = -1.0
"""Input of voxels beyond the field of view."""


def spatial(
    task: Task,
    volume: np.ndarray,
    target: np.ndarray,
    center: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A window around `center`, most often rotated and scaled, sometimes mirrored or cut."""
    window = np.array(task.window)
    if rng.random() < 0.6:
        angles = np.deg2rad(rng.uniform(-1.0, 1.0, 3) * task.rotation_degrees)
        scale = rng.uniform(*task.scale_range) * rng.uniform(0.96, 1.04, 3)
        matrix = _rotation(angles) / scale
        offset = center - matrix @ ((window - 1) / 2.0)
        keywords = {"matrix": matrix, "offset": offset, "output_shape": task.window, "order": 1}
        lowest, highest = _reach(matrix, offset, window, volume.shape)
        keywords["offset"] = offset - lowest
        cut = tuple(slice(a, b) for a, b in zip(lowest, highest, strict=True))
        part = np.asarray(volume[cut], dtype=np.float32)
        mask = np.asarray(target[cut], dtype=np.float32)
        volume = ndimage.affine_transform(part, cval=AIR, **keywords)
        target = ndimage.affine_transform(mask, cval=0.0, **keywords)
    else:
        start = np.round(center - (window - 1) / 2.0).astype(int)
        volume = cut_window(volume, start, task.window, AIR)
        target = cut_window(target, start, task.window, 0.0)
    if task.mirror_columns and rng.random() < 0.5:
        volume, target = volume[:, :, ::-1], target[:, :, ::-1]
    if task.blank_ends and rng.random() < 0.3:
        volume, target = _blank_end(volume.copy(), target.copy(), rng)
    return volume, np.ascontiguousarray(target)


def _rotation(angles: np.ndarray) -> np.ndarray:
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def _reach(
    matrix: np.ndarray, offset: np.ndarray, window: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest part of the case that the window looks at, at least one voxel."""
    corners = np.array(np.meshgrid(*[(0, side - 1) for side in window])).reshape(3, -1)
    places = matrix @ corners + offset[:, None]
    lowest = np.floor(places.min(axis=1)).astype(int) - 1
    highest = np.ceil(places.max(axis=1)).astype(int) + 2
    lowest = np.clip(lowest, 0, np.array(shape) - 1)
    return lowest, np.clip(highest, lowest + 1, shape)


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


def _blank_end(
    volume: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    n = int(rng.integers(1, volume.shape[0] // 2))
    gone = slice(0, n) if rng.random() < 0.5 else slice(volume.shape[0] - n, None)
    volume[gone], target[gone] = AIR, 0.0
    return volume, target


def intensity(task: Task, volume: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sharpness, contrast, noise; the result is in -1..1 like every input."""
    volume = np.ascontiguousarray(volume, dtype=np.float32)
    kind = rng.random()
    if kind < 0.3:
        sigma = rng.uniform(0.0, task.blur_voxels, 3) * np.array([1.0, rng.uniform(), 1.0])
        sigma[2] = sigma[1]
        volume = ndimage.gaussian_filter(volume, sigma, truncate=3.0)
    elif kind < 0.55:
        volume = _down_and_up(volume, task.downsampling, rng)
    shift = task.normalized(rng.uniform(-1.0, 1.0) * task.shift_hu)
    volume = volume * rng.uniform(0.92, 1.08) + np.float32(shift)
    if rng.random() < 0.3:
        bent = np.clip(volume * 0.5 + 0.5, 0.0, 1.0) ** rng.uniform(0.8, 1.25)
        volume = bent * 2.0 - 1.0
    if rng.random() < 0.8:
        volume = volume + _noise(task, volume.shape, rng)
    return np.clip(volume, -1.0, 1.0).astype(np.float32)


def _down_and_up(volume: np.ndarray, factor_max: float, rng: np.random.Generator) -> np.ndarray:
    """Coarser along slices, in plane, or both, and back on the same grid."""
    across, in_plane = rng.uniform(1.0, factor_max, 2)
    if rng.random() < 0.5:
        across, in_plane = (1.0, in_plane) if rng.random() < 0.5 else (across, 1.0)
    factors = (across, in_plane, in_plane)
    coarse = [max(2, round(n / f)) for n, f in zip(volume.shape, factors, strict=True)]
    for axis, n in enumerate(coarse):
        if n < volume.shape[axis]:
            # Averaging first is what a thicker slice or a softer kernel does.
            sigma = 0.35 * volume.shape[axis] / n
            volume = ndimage.gaussian_filter1d(volume, sigma, axis=axis, truncate=3.0)
            volume = _linear(_linear(volume, n, axis), volume.shape[axis], axis)
    return volume


def _linear(volume: np.ndarray, n: int, axis: int) -> np.ndarray:
    """Linear interpolation to `n` samples along one axis, ends aligned."""
    places = np.linspace(0.0, volume.shape[axis] - 1, n)
    low = np.minimum(places.astype(int), volume.shape[axis] - 2)
    shape = [1, 1, 1]
    shape[axis] = n
    weight = (places - low).reshape(shape).astype(np.float32)
    first = volume.take(low, axis=axis)
    return first + (volume.take(low + 1, axis=axis) - first) * weight


def _noise(task: Task, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of a random strength, correlated in plane as a soft kernel makes it."""
    low, high = np.log(task.noise_hu)
    strength = task.normalized(float(np.exp(rng.uniform(low, high))))
    noise = rng.standard_normal(shape, dtype=np.float32)
    if rng.random() < 0.5:
        sigma = rng.uniform(0.3, 1.2)
        noise = ndimage.gaussian_filter(noise, (0.5 * sigma, sigma, sigma), truncate=2.5)
        noise /= noise.std() + 1e-6
    return noise * np.float32(strength)
