"""A whole series from files to outlined glands, as one would write it around onnxruntime.

The peer of `parotidd screen`: pydicom reads, scipy resamples, onnxruntime runs the same networks.
It leaves out what the product does besides: checks of the series, decision rule, report.
"""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pydicom
from scipy import ndimage

BODY_HU = -300
LOCALIZER_MM, LOCALIZER_HU = 5.0, (-600, 600)
SEGMENTER_MM, SEGMENTER_HU, CROP = 1.0, (-160, 240), (80, 80, 64)
MULTIPLE = 16


def session(model: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    """A network in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def normalized(hu: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """HU of a window as -1..1."""
    low, high = window
    return np.clip((hu - low) / (high - low) * 2 - 1, -1, 1).astype(np.float32)


def ct_files(folder: Path) -> list[Path]:
    """The images of a phantom's folder."""
    return sorted(path for path in folder.iterdir() if path.name != "truth.dcm")


def read(path: Path) -> tuple[float, list[float], np.ndarray]:
    """A slice's height, its spacing in its plane, and its stored values as HU."""
    image = pydicom.dcmread(path)
    hu = image.pixel_array * np.float32(image.RescaleSlope) + np.float32(image.RescaleIntercept)
    return float(image.ImagePositionPatient[2]), list(image.PixelSpacing), hu.astype(np.int16)


class Peer:
    """The pipeline on one variant of the networks."""

    def __init__(self, localizer: onnx.ModelProto, segmenter: onnx.ModelProto, threads: int):
        self.localizer, self.segmenter = session(localizer, threads), session(segmenter, threads)
        self.threads = threads

    def run(self, folder: Path) -> list[np.ndarray]:
        """Centres of the right and the left gland, voxels of the series."""
        with ThreadPoolExecutor(self.threads) as pool:
            slices = sorted(pool.map(read, ct_files(folder)), key=lambda it: it[0])
        hu = np.stack([it[2] for it in slices])
        spacing = np.array([slices[1][0] - slices[0][0], *map(float, slices[0][1])])
        coarse = ndimage.zoom(hu, spacing / LOCALIZER_MM, order=1, output=np.float32)
        padded = [-(-side // MULTIPLE) * MULTIPLE for side in coarse.shape]
        volume = np.full(padded, -1, np.float32)
        volume[tuple(map(slice, coarse.shape))] = normalized(coarse, LOCALIZER_HU)
        heat = self.localizer.run(None, {"volume": volume[None, None]})[0][0, 0]
        heat = ndimage.gaussian_filter(heat, 2)
        # The patient's right is on the left of an axial slice.
        middle = int(np.argwhere((coarse > BODY_HU).any((0, 1))).mean())
        centers = []
        for half in (slice(0, middle), slice(middle, coarse.shape[2])):
            peak = np.array(np.unravel_index(heat[..., half].argmax(), heat[..., half].shape))
            peak[2] += half.start
            centers.append(peak * LOCALIZER_MM / spacing)
        for center in centers:
            steps = [np.arange(n) - (n - 1) / 2 for n in CROP]
            grid = np.meshgrid(*steps, indexing="ij")
            at = [c + g * SEGMENTER_MM / s for c, g, s in zip(center, grid, spacing, strict=True)]
            crop = ndimage.map_coordinates(hu, at, order=1, output=np.float32, cval=-1024)
            crop = normalized(crop, SEGMENTER_HU)[None, None]
            logits = self.segmenter.run(None, {"volume": crop})[0][0, 0]
            ndimage.label(logits > 0)
        return centers


def ours(program: Path, folder: Path, threads: int) -> tuple[float, float]:
    """CPU and wall time of our whole process, seconds."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    command = [program, "screen", folder, "--format", "json"]
    wall = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"`{program} screen` ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - wall


def phantom(program: Path, folder: Path, n_slices: int) -> None:
    """A series of 512x512 slices of 1 mm."""
    size = ["--matrix", "512", "--slices", str(n_slices), "--spacing", "1"]
    command = [program, "phantom", "--seed", "5", "--tumor", "left", *size, "--out", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
