"""What differs between the two stages: grid, window of HU, sampling, augmentation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One stage. HU `hu_min..hu_max` become -1..1; sides are `(slice, row, column)` voxels."""

    name: str
    spacing_mm: float
    hu_min: float
    hu_max: float
    window: tuple[int, int, int]
    """Training window."""
    input_shape: tuple[int, int, int] | None
    """Fixed shape of an input at run time; `None` for any multiple of 16."""
    batch: int
    positive_share: float
    """Share of windows drawn around something to find."""
    mirror_columns: bool
    """Whether left and right may be swapped: never for crops, which are mirrored to one side."""
    rotation_degrees: float
    scale_range: tuple[float, float]
    noise_hu: tuple[float, float]
    """Range of the noise's standard deviation, log-uniform."""
    shift_hu: float
    streak_share: float
    """Share of the windows that metal outside or inside them throws streaks over."""
    blur_voxels: float
    """Largest standard deviation of blurring."""
    downsampling: float
    """Largest factor of down- and upsampling along one axis."""
    bend_voxels: float
    """Largest random displacement of anatomy along an axis."""
    blank_ends: bool
    """Whether a window's slices may be cut off at random, as a short field of view does."""
    no_gland_share: float
    """Share of windows of real and synthetic heads that are shown without their glands."""
    learning_rate: float
    focal_gamma: float
    """How fast a learnt voxel's weight falls in the loss (Lin et al. 2017, "Focal loss"); 0 weighs
    all the same. Outlines of real glands differ by half a centimetre from hand to hand, and a focal
    loss would learn those that are odd."""

    def normalized(self, hu: float) -> float:
        """A difference in HU as a difference of network input."""
        return hu * 2.0 / (self.hu_max - self.hu_min)


LOCALIZER = Task(
    name="localizer",
    spacing_mm=5.0,
    hu_min=-600.0,
    hu_max=600.0,
    window=(48, 48, 80),
    input_shape=None,
    batch=4,
    positive_share=0.75,
    mirror_columns=True,
    rotation_degrees=15.0,
    scale_range=(0.85, 1.15),
    noise_hu=(2.0, 60.0),
    shift_hu=30.0,
    streak_share=0.0,
    blur_voxels=0.8,
    downsampling=2.0,
    bend_voxels=1.5,
    blank_ends=True,
    no_gland_share=0.15,
    learning_rate=2e-3,
    focal_gamma=0.0,
)

SEGMENTER = Task(
    name="segmenter",
    spacing_mm=1.0,
    hu_min=-160.0,
    hu_max=240.0,
    window=(80, 80, 64),
    input_shape=(80, 80, 64),
    batch=2,
    positive_share=0.6,
    mirror_columns=False,
    rotation_degrees=10.0,
    scale_range=(0.9, 1.12),
    noise_hu=(2.0, 70.0),
    shift_hu=20.0,
    streak_share=0.12,
    blur_voxels=1.8,
    downsampling=4.0,
    bend_voxels=4.0,
    blank_ends=False,
    no_gland_share=0.0,
    learning_rate=1.5e-3,
    focal_gamma=2.0,
)

TASKS = {task.name: task for task in (LOCALIZER, SEGMENTER)}
SOURCE_WEIGHTS = {"openkbp": 0.55, "phantom": 0.45, "body": 0.15}
"""How often each source is drawn; real anatomy leads. `body` are other parts of the body."""
TUMOR_VOXELS_MIN = 500
"""Smallest component that flags, voxels of the 1 mm grid."""
