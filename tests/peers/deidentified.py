"""Looks for a patient in de-identified instances, by other people's tables.

    deidentified.py ORIGINALS COHORT SEG MASKS

ORIGINALS is a folder of instances as a scanner sent them, COHORT one of a de-identified case: its images, and
SEG, its segmentation, whose segments are written to MASKS, a byte a voxel, one after the other, in the order of
the images' names. Prints as JSON what dicom-anonymizer's table (PS3.15 2026c) objects to, what dcm-anonymizer's
list of protected health information still finds a value for, and what the instances say of themselves.
"""

import json
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from dcm_anon.verify_output import scan_outputs
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom.uid import UID

PUBLIC_ROOT = "1.2.840.10008."
# What may become of an attribute, for each of the table's groups: gone, empty, another value.
ALLOWED = {
    "X_TAGS": (True, False, False),
    "Z_TAGS": (True, True, True),
    "D_TAGS": (True, False, True),
    "U_TAGS": (True, False, True),
    "Z_D_TAGS": (True, True, True),
    "X_Z_TAGS": (True, True, False),
    "X_D_TAGS": (True, False, True),
    "X_Z_D_TAGS": (True, True, True),
    "X_Z_U_STAR_TAGS": (True, True, True),
}


def groups() -> dict[tuple[int, int], str]:
    found = {}
    for name in ALLOWED:
        for entry in getattr(table, name):
            if len(entry) == 2:
                found[entry] = name
    return found


def values_of(element) -> list[str]:
    value = element.value
    values = value if isinstance(value, (list, pydicom.multival.MultiValue)) else [value]
    return [str(it) for it in values if str(it).strip()]


def gather(dataset, found: dict[tuple[int, int], set[str]]) -> None:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                gather(item, found)
        elif element.tag != 0x7FE00010:
            found.setdefault((element.tag.group, element.tag.element), set()).update(values_of(element))


def objections(dataset, originals: dict, group_of: dict, path: str) -> list[str]:
    found = []
    for element in dataset:
        tag = (element.tag.group, element.tag.element)
        here = f"{path}{element.tag} {element.keyword}"
        if element.tag.is_private or 0x5000 <= tag[0] <= 0x50FF:
            found.append(f"{here}: it is still there")
        if 0x6000 <= tag[0] <= 0x60FF and tag[1] in (0x3000, 0x4000):
            found.append(f"{here}: it is still there")
        group = group_of.get(tag)
        _, may_be_empty, may_be_other = ALLOWED.get(group, (True, True, True))
        if element.VR == "SQ":
            if group and element.value and not may_be_other:
                found.append(f"{here}: {group} still has items")
            for item in element.value:
                found += objections(item, originals, group_of, f"{here} > ")
            continue
        if not group:
            continue
        values = values_of(element)
        if not values and not may_be_empty:
            found.append(f"{here}: {group} is empty")
        if values and not may_be_other:
            found.append(f"{here}: {group} has a value")
        kept = [it for it in values if it in originals.get(tag, ()) and not it.startswith(PUBLIC_ROOT)]
        if kept:
            found.append(f"{here}: {group} has its old value")
    return found


def uids_of(dataset) -> set[str]:
    found = set()
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found |= uids_of(item)
        elif element.VR == "UI":
            found |= set(values_of(element))
    return found


def main(originals: str, cohort: str, seg: str, masks: str) -> None:
    known: dict[tuple[int, int], set[str]] = {}
    old_uids = set()
    for path in Path(originals).iterdir():
        dataset = pydicom.dcmread(path, force=True)
        gather(dataset, known)
        old_uids |= uids_of(dataset)
    group_of = groups()
    paths = sorted(Path(cohort).iterdir())
    datasets = {path: pydicom.dcmread(path) for path in paths}
    found, uids = [], set()
    for path, dataset in datasets.items():
        found += objections(dataset, known, group_of, f"{path.name}: ")
        uids |= uids_of(dataset)
    images = [it for it in datasets.values() if it.Modality == "CT"]
    residuals = scan_outputs(Path(cohort), sample_size=len(paths))
    pixels = hd.seg.segread(seg).get_pixels_by_source_instance(
        [UID(it.SOPInstanceUID) for it in images],
        combine_segments=False,
        assert_missing_frames_are_empty=True,
    )
    np.ascontiguousarray(np.moveaxis(pixels, -1, 0).astype(np.uint8)).tofile(masks)
    first = images[0]
    said = {
        "objections": sorted(set(found))[:20],
        "residuals": sorted({f"{it.tag} {it.tag_label}: {it.value_excerpt}" for it in residuals.residuals}),
        "n_scanned": residuals.files_scanned,
        "old_uids": sorted(it for it in uids & old_uids if not it.startswith(PUBLIC_ROOT)),
        "identity_removed": sorted({it.PatientIdentityRemoved for it in datasets.values()}),
        "dates": sorted({it.LongitudinalTemporalInformationModified for it in datasets.values()}),
        "codes": [it.CodeValue for it in first.DeidentificationMethodCodeSequence],
        "patients": sorted({f"{it.PatientID} {it.PatientName}" for it in datasets.values()}),
        "studies": len({it.StudyInstanceUID for it in datasets.values()}),
        "frames_of_reference": len({it.FrameOfReferenceUID for it in datasets.values()}),
        "study_date": first.StudyDate,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:5])
