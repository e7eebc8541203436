"""Writes the images of this folder: python make.py, with imagecodecs and pydicom.

An axial slice of 40 x 56 pixels, a gradient with noise inside air, compressed by OpenJPEG (JPEG
2000) and OpenJPH (high throughput), and once not at all. All but the lossy one decode to the same.
"""

from pathlib import Path

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

ROWS, COLUMNS = 40, 56
HERE = Path(__file__).parent


def write(name: str, syntax: str, pixel_data: bytes, signed: bool) -> None:
    """One file around compressed or plain pixels."""
    image = Dataset()
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    image.SOPInstanceUID = "2.25.1001"
    image.StudyInstanceUID = "2.25.1002"
    image.SeriesInstanceUID = "2.25.1003"
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelRepresentation = int(signed)
    image.RescaleIntercept = "0" if signed else "-1024"
    image.RescaleSlope = "1"
    image.PixelData = pixel_data
    image["PixelData"].is_undefined_length = syntax != "1.2.840.10008.1.2.1"
    image["PixelData"].VR = "OW" if syntax == "1.2.840.10008.1.2.1" else "OB"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = image.SOPClassUID
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    image.file_meta = meta
    image.save_as(HERE / name, enforce_file_format=True)


def main() -> None:
    """All files."""
    numbers = np.random.default_rng(7)
    hu = np.full((ROWS, COLUMNS), -1024)
    inside = np.add.outer(np.arange(ROWS - 8), np.arange(COLUMNS - 10))
    hu[8:, 10:] = inside + numbers.integers(-200, 1200, inside.shape)
    for signed in (False, True):
        values = hu.astype(np.int16) if signed else (hu + 1024).astype(np.uint16)
        kind = "signed" if signed else "unsigned"
        write(f"plain_{kind}.dcm", "1.2.840.10008.1.2.1", values.tobytes(), signed)
        j2k = imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True)
        write(f"j2k_{kind}.dcm", "1.2.840.10008.1.2.4.90", encapsulate([j2k]), signed)
        ht = imagecodecs.htj2k_encode(values, reversible=True)
        write(f"htj2k_{kind}.dcm", "1.2.840.10008.1.2.4.201", encapsulate([ht]), signed)
    ht = imagecodecs.htj2k_encode((hu + 1024).astype(np.uint16), level=0.001, reversible=False)
    write("htj2k_lossy.dcm", "1.2.840.10008.1.2.4.203", encapsulate([ht]), False)


if __name__ == "__main__":
    main()
