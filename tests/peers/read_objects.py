"""Reads the objects of a screening with highdicom.

    read_objects.py SLICES MASKS SEG SR

SLICES is a JSON list of the source's SOP Instance UIDs, in the order of its slices. The segments are written to
MASKS, a byte a voxel, one after the other. Prints what both objects say as JSON.
"""

import json
import sys
from pathlib import Path

import highdicom as hd
import numpy as np


def code(concept) -> list[str]:
    """Value and scheme."""
    return [concept.value, concept.scheme_designator]


def read_segments(path: str, slices: list[str], masks: str) -> list[dict]:
    seg = hd.seg.segread(path)
    pixels = seg.get_pixels_by_source_instance(
        slices, combine_segments=False, assert_missing_frames_are_empty=True
    )
    np.ascontiguousarray(np.moveaxis(pixels, -1, 0).astype(np.uint8)).tofile(masks)
    found = []
    for number in seg.segment_numbers:
        description = seg.get_segment_description(number)
        region = description.anatomic_regions[0]
        found.append({
            "label": description.segment_label,
            "type": code(description.segmented_property_type),
            "region": code(region),
            "laterality": code(hd.sr.CodedConcept.from_dataset(region.AnatomicRegionModifierSequence[0])),
            "algorithm": [description.algorithm_identification.name, description.algorithm_identification.version],
            "tracking_uid": description.tracking_uid,
        })
    return found


def measurements(group) -> dict:
    return {it.name.meaning: [it.value, it.unit.value] for it in group.get_measurements()}


def site(group) -> list:
    [it] = group.finding_sites
    return [code(it.value), code(it.laterality)]


def read_report(path: str) -> dict:
    document = hd.sr.srread(path)
    content = document.content
    masses = []
    for group in content.get_volumetric_roi_measurement_groups():
        segment = group.referenced_segment
        masses.append({
            "tracking_uid": group.tracking_uid,
            "finding": code(group.finding_type),
            "site": site(group),
            "segment": segment.referenced_segment_numbers[0],
            "source_series": str(segment.source_series_for_segmentation.value),
            "measurements": measurements(group),
        })
    glands = []
    for group in content.get_image_measurement_groups():
        answers = [it for it in group.get_qualitative_evaluations() if it.name.value == "4147007"]
        glands.append({"site": site(group), "mass": [code(it.value) for it in answers]})
    return {
        "flags": [document.CompletionFlag, document.VerificationFlag, document.PreliminaryFlag],
        "masses": masses,
        "glands": glands,
    }


def main(slices: str, masks: str, seg: str, sr: str) -> None:
    order = json.loads(Path(slices).read_text())
    segments = read_segments(seg, order, masks) if seg else []
    print(json.dumps({"segments": segments, "report": read_report(sr)}))


if __name__ == "__main__":
    main(*sys.argv[1:5])
