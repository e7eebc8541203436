"""Writes the label files that tests/it/labels.rs reads, with programs that we did not write.

pip install highdicom==0.28.2 nibabel==5.4.2 pydicom==3.0.2 rt-utils==1.2.7 scipy shapely numpy
python3 make.py

Two bent ellipsoids stand for the glands, a ball in the left one for a mass. Nothing comes from a patient.
"""

import gzip
import tempfile
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import shapely
from highdicom.sr.coding import CodedConcept
from nibabel.processing import resample_from_to
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from rt_utils import RTStructBuilder

HERE = Path(__file__).parent
# Slices, rows, columns; LPS mm of the first voxel; mm between voxels. tests/it/labels.rs has the same.
# Square, because rt-utils fills no others.
SHAPE = (20, 64, 64)
ORIGIN = np.array([-79.0, -81.5, 612.5])
SPACING = (3.0, 2.5, 2.5)
UID = "2.25.3175092465880417"
FRAME_OF_REFERENCE = UID + ".9"


def points():
    """LPS mm of every voxel's centre, x, y and z."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    return (ORIGIN[n] + step * index for n, (step, index) in
            enumerate(((SPACING[2], i), (SPACING[1], j), (SPACING[0], k))))


def gland(x, y, z, side):
    """A bent ellipsoid: around the jaw, with its tail behind and below."""
    x0, y0, z0 = side * 56.0, -2.0, 640.0
    bent = y - y0 - 0.012 * (z - z0) ** 2 + 0.02 * (x - x0) ** 2
    return ((x - x0) / 11.5) ** 2 + (bent / 18.0) ** 2 + ((z - z0) / 25.0) ** 2 <= 1.0


def ct_series(folder):
    """The images that highdicom and rt-utils need; constant pixels."""
    images = []
    for k in range(SHAPE[0]):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{UID}.3.{k + 1}"
        ds.PatientName, ds.PatientID = "SYNTHETIC^LABELS", "LABELS"
        ds.PatientBirthDate = ds.PatientSex = ds.AccessionNumber = ds.StudyID = ""
        ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20260101"
        ds.StudyTime = ds.SeriesTime = ds.ContentTime = "120000"
        ds.Modality, ds.Manufacturer, ds.SeriesNumber, ds.InstanceNumber = "CT", "", 1, k + 1
        ds.StudyInstanceUID, ds.SeriesInstanceUID = UID + ".1", UID + ".2"
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = FRAME_OF_REFERENCE, ""
        ds.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + k * SPACING[0]]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [SPACING[1], SPACING[2]], SPACING[0]
        ds.Rows, ds.Columns, ds.SamplesPerPixel = SHAPE[1], SHAPE[2], 1
        ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 1
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0
        ds.PixelData = np.zeros(SHAPE[1:], np.int16).tobytes()
        ds.save_as(folder / f"{k:03}.dcm", enforce_file_format=True)
        images.append(pydicom.dcmread(folder / f"{k:03}.dcm"))
    return images


def write_seg(images, masks):
    """highdicom: coded glands; a mass by another code, and an organ that is none of ours."""
    def sct(value, meaning):
        return CodedConcept(value, "SCT", meaning)

    # An object each, because the side is put into it.
    right_code, left_code = (sct("45289007", "Parotid gland") for _ in range(2))
    neoplasm = sct("108369006", "Neoplasm")
    side = {"r": sct("24028007", "Right"), "l": sct("7771000", "Left")}
    about = [("Ohrspeicheldruese", right_code, "r"), ("Parotid", left_code, "l"),
             ("Brain", sct("12738006", "Brain"), None), ("Tumour left", neoplasm, None)]
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number, segment_label=label,
            segmented_property_category=sct("123037004", "Anatomical Structure"),
            segmented_property_type=code, algorithm_type="MANUAL",
            anatomic_regions=None,
        )
        for number, (label, code, _) in enumerate(about, 1)
    ]
    for segment, (_, _, of) in zip(segments, about, strict=True):
        if of:
            segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [side[of]]
    right, left, mass = masks
    pixels = np.stack([right, left, np.roll(mass, -20, 2), mass], axis=-1).astype(np.uint8)
    hd.seg.Segmentation(
        source_images=images, pixel_array=pixels, segmentation_type="BINARY",
        segment_descriptions=segments, series_instance_uid=UID + ".4", series_number=2,
        sop_instance_uid=UID + ".4.1", instance_number=1, manufacturer="synthetic",
        manufacturer_model_name="highdicom", software_versions=hd.__version__,
        device_serial_number="0", omit_empty_frames=True,
    ).save_as(HERE / "seg.dcm")


def write_rt_utils(folder, masks):
    """rt-utils traces the masks, and fills its own contours again."""
    names = ["Parotid_R", "Parotid_L", "GTVp", "Musc_Masseter_L"]
    right, left, mass = masks
    rtstruct = RTStructBuilder.create_new(dicom_series_path=str(folder))
    for name, mask in zip(names, [right, left, mass, np.roll(mass, -5, 2)], strict=True):
        rtstruct.add_roi(mask=np.moveaxis(mask, 0, -1), name=name, approximate_contours=True)
    rtstruct.save(str(HERE / "rtstruct.dcm"))
    again = RTStructBuilder.create_from(str(folder), str(HERE / "rtstruct.dcm"))
    return [np.moveaxis(again.get_roi_mask_by_name(name), -1, 0) for name in names[:3]]


def write_drawn():
    """Contours between the voxels, with a hole, as a person draws them; shapely says what is inside.

    Explicit VR, with one contour that is too long for a 16-bit length.
    """
    ds = pydicom.dcmread(HERE / "rtstruct.dcm")
    del ds.ROIContourSequence, ds.StructureSetROISequence, ds.RTROIObservationsSequence
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID + ".5.1"
    roi = Dataset()
    roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = 7, "Lesion Parotis rt", "MANUAL"
    roi.ReferencedFrameOfReferenceUID = FRAME_OF_REFERENCE
    ds.StructureSetROISequence = Sequence([roi])
    drawn = Dataset()
    drawn.ReferencedROINumber, drawn.ContourSequence = 7, Sequence()
    expected, near = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    x, y, _ = (axis[0] for axis in points())
    for k in range(4, 13):
        outer = 9.0 + 4.0 * np.sin(0.4 * k)
        rings = [(outer, 60), (0.45 * outer, 24)] if k != 8 else [(outer, 2400)]
        inside = np.zeros(SHAPE[1:], bool)
        for radius, n in rings:
            angle = np.linspace(0.0, 2.0 * np.pi, n, endpoint=False)
            wavy = radius * (1.0 + 0.2 * np.cos(3.0 * angle + 0.3 * k))
            ring = np.round(np.stack([-56.3 + wavy * np.cos(angle), 1.1 + wavy * np.sin(angle)]), 3)
            polygon = shapely.Polygon(ring.T)
            inside ^= shapely.contains_xy(polygon, x, y)
            # Two hundredths of a voxel; there a centre is on the contour, and either answer is right.
            near[k] |= shapely.distance(polygon.exterior, shapely.points(x, y)) < 0.051
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", n
            z = ORIGIN[2] + k * SPACING[0]
            contour.ContourData = [text for px, py in ring.T for text in (f"{px:.3f}", f"{py:.3f}", f"{z}")]
            drawn.ContourSequence.append(contour)
        expected[k] = inside
    ds.ROIContourSequence = Sequence([drawn])
    ds.RTROIObservationsSequence = Sequence()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(HERE / "drawn.dcm", implicit_vr=False, little_endian=True)
    return expected, near


def write_nifti(masks):
    """nibabel: one mask in many orders of axes, types, byte orders and headers."""
    right, left, mass = masks
    labels = np.zeros(SHAPE, np.uint8)
    labels[right], labels[left], labels[mass] = 1, 2, 3
    # Index i, j, k; LPS to RAS.
    affine = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    affine[:3, 3] = ORIGIN * [-1, -1, 1]
    lps = nib.Nifti1Image(labels.transpose(2, 1, 0), affine)

    def save(image, name, sform, qform):
        # Setting one changes the image's affine to what its header then says.
        place = image.affine.copy()
        image.set_sform(place if sform else None, int(sform))
        image.set_qform(place if qform else None, int(qform))
        nib.save(image, HERE / name)

    save(lps, "lps.nii.gz", True, True)
    save(nib.as_closest_canonical(lps), "ras.nii.gz", True, False)
    for axes in ["PIR", "SAL"]:
        turned = nib.orientations.ornt_transform(
            nib.io_orientation(affine), nib.orientations.axcodes2ornt(axes))
        image = lps.as_reoriented(turned)
        image = nib.Nifti1Image(np.asanyarray(image.dataobj).astype(np.int16), image.affine)
        save(image, f"{axes.lower()}.nii.gz", False, True)
    swapped = nib.Nifti1Header(endianness=">")
    swapped.set_data_dtype(">f4")
    image = nib.Nifti1Image(labels.transpose(2, 1, 0).astype(">f4"), affine, swapped)
    save(image, "big_endian.nii.gz", True, False)
    # One thing, one file: 1.5 mm, turned about all axes, nearest voxel.
    angle = np.deg2rad([8.0, -6.0, 12.0])
    turn = nib.eulerangles.euler2mat(*angle)
    middle = np.array([-56.0, 4.0, 640.0])
    oblique = np.eye(4)
    oblique[:3, :3] = turn * 1.5
    oblique[:3, 3] = middle - oblique[:3, :3] @ (np.array([32, 40, 44]) / 2.0)
    only = nib.Nifti1Image(left.transpose(2, 1, 0).astype(np.uint8) * 255, affine)
    save(resample_from_to(only, ((32, 40, 44), oblique), order=0), "parotid_left.nii.gz", False, True)


def main():
    x, y, z = points()
    right, left = gland(x, y, z, -1.0), gland(x, y, z, 1.0)
    mass = (x - 58.0) ** 2 + (y - 2.0) ** 2 + (z - 636.0) ** 2 <= 8.0**2
    masks = [right & ~mass, left & ~mass, mass]
    with tempfile.TemporaryDirectory() as folder:
        images = ct_series(Path(folder))
        write_seg(images, masks)
        refilled = write_rt_utils(Path(folder), masks)
        drawn, near = write_drawn()
    write_nifti(masks)
    names = ["right_gland", "left_gland", "mass"]
    rt_utils = {f"rt_utils_{name}": mask for name, mask in zip(names, refilled, strict=True)}
    arrays = dict(zip(names, masks, strict=True)) | rt_utils
    arrays |= {"drawn": drawn, "near_contour": near}
    np.savez_compressed(HERE / "expected.npz", **{k: v.astype(np.uint8) for k, v in arrays.items()})
    for name, array in arrays.items():
        print(name, int(array.sum()))
    for path in HERE.glob("*.dcm"):
        path.with_suffix(".dcm.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()


if __name__ == "__main__":
    main()
