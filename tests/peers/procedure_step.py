"""A scanner that says what it has made: `python procedure_step.py PORT CALLED_AE SYNTAX STEP...`.

SYNTAX is implicit or explicit. Each STEP is JSON, done in turn on one association:
  {"create": UID or null, "without": [KEYWORD...], "with": {KEYWORD: VALUE}}
  {"set": UID or "made", "status": STATUS, "series": {SERIES UID: [[CLASS, INSTANCE]...]}}
"made" is the UID that the last create was answered with. Prints for each what it was answered with as JSON:
status, error id or null, and of a create the UID that the answer names.
"""

import json
import sys

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import ModalityPerformedProcedureStep

SYNTAXES = {"implicit": ImplicitVRLittleEndian, "explicit": ExplicitVRLittleEndian}


def begun() -> Dataset:
    """What an N-CREATE brings (PS3.4 table F.7.2-1)."""
    scheduled = Dataset()
    scheduled.StudyInstanceUID = "1.2.6"
    scheduled.ReferencedStudySequence = []
    scheduled.AccessionNumber = ""
    scheduled.RequestedProcedureID = ""
    step = Dataset()
    step.ScheduledStepAttributesSequence = [scheduled]
    step.PatientName = "PHANTOM^ONE"
    step.PatientID = "PHANTOM-1"
    step.PerformedProcedureStepID = "P1"
    step.PerformedStationAETitle = "CT1"
    step.PerformedProcedureStepStartDate = "20260101"
    step.PerformedProcedureStepStartTime = "120000"
    step.PerformedProcedureStepEndDate = ""
    step.PerformedProcedureStepEndTime = ""
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.Modality = "CT"
    step.PerformedSeriesSequence = []
    return step


def change(status: str | None, series: dict[str, list[list[str]]] | None) -> Dataset:
    """What an N-SET brings."""
    step = Dataset()
    if status is not None:
        step.PerformedProcedureStepStatus = status
    if status in ("COMPLETED", "DISCONTINUED"):
        step.PerformedProcedureStepEndDate = "20260101"
        step.PerformedProcedureStepEndTime = "120500"
    if series is not None:
        step.PerformedSeriesSequence = []
        for uid, images in series.items():
            item = Dataset()
            item.SeriesInstanceUID = uid
            item.ProtocolName = "NECK"
            item.RetrieveAETitle = ""
            item.ReferencedImageSequence = []
            for sop_class, sop_instance in images:
                image = Dataset()
                image.ReferencedSOPClassUID = sop_class
                image.ReferencedSOPInstanceUID = sop_instance
                item.ReferencedImageSequence.append(image)
            step.PerformedSeriesSequence.append(item)
    return step


def create(association, what: dict, named: list[str | None]) -> dict:
    """An N-CREATE."""
    step = begun()
    for keyword in what.get("without", []):
        delattr(step, keyword)
    for keyword, value in what.get("with", {}).items():
        setattr(step, keyword, value)
    status, _ = association.send_n_create(step, ModalityPerformedProcedureStep, what["create"])
    return {"status": status.Status, "error_id": status.get("ErrorID"), "made": named[-1]}


def main() -> None:
    """The command."""
    port, called, syntax, *steps = sys.argv[1:]
    ae = AE("MODALITY")
    ae.add_requested_context(ModalityPerformedProcedureStep, SYNTAXES[syntax])
    # What the responses name; pynetdicom tells its caller no more than their status.
    named: list[str | None] = []

    def on_message(event: evt.Event) -> None:
        named.append(event.message.command_set.get("AffectedSOPInstanceUID"))

    handlers = [(evt.EVT_DIMSE_RECV, on_message)]
    association = ae.associate("127.0.0.1", int(port), ae_title=called, evt_handlers=handlers)
    assert association.is_established, "rejected"
    answers, made = [], None
    for step in map(json.loads, steps):
        if "create" in step:
            answers.append(create(association, step, named))
            made = answers[-1]["made"] or made
            continue
        uid = made if step["set"] == "made" else step["set"]
        data_set = change(step.get("status"), step.get("series"))
        status, _ = association.send_n_set(data_set, ModalityPerformedProcedureStep, uid)
        answers.append({"status": status.Status, "error_id": status.get("ErrorID")})
    association.release()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
