"""Writes what the fuzz targets start from.

Whole conversations as pynetdicom encodes them, their command sets, and small images.

    seeds.py FOLDER [OTHERS ...]

Folders `association`, `dimse` and `ct_header` are made in FOLDER. In the folders OTHERS, where they exist,
recorded conversations (`in-dicom/*.raw`) and images (`*.dcm`) are found; images over 64 KiB are left out.
"""

import io
import sys
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, N_ACTION_RQ, N_CREATE_RQ, N_SET_RQ
from pynetdicom.dimse_primitives import C_ECHO, C_STORE, N_ACTION, N_CREATE, N_SET
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RQ, A_RELEASE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import A_ASSOCIATE, A_RELEASE, MaximumLengthNotification
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    StorageCommitmentPushModel,
    Verification,
)

IMAGE_BYTES_MAX = 64 * 1024
PDU_BYTES = 4096
SOP_CLASSES = [Verification, CTImageStorage, StorageCommitmentPushModel, ModalityPerformedProcedureStep]
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"


def request() -> bytes:
    """A-ASSOCIATE-RQ: contexts 1, 3, 5 and 7 of `SOP_CLASSES`."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title = "SEED"
    primitive.called_ae_title = "ANY-SCP"
    contexts = [build_context(it, [ExplicitVRLittleEndian, ImplicitVRLittleEndian]) for it in SOP_CLASSES]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = PDU_BYTES
    primitive.user_information = [maximum]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()


def release() -> bytes:
    pdu = A_RELEASE_RQ()
    pdu.from_primitive(A_RELEASE())
    return pdu.encode()


def message(kind, primitive, sop_class) -> bytes:
    """A DIMSE message in P-DATA-TF PDUs."""
    it = kind()
    it.primitive_to_message(primitive)
    pdus = []
    for data in it.encode_msg(2 * SOP_CLASSES.index(sop_class) + 1, PDU_BYTES):
        pdu = P_DATA_TF()
        pdu.from_primitive(data)
        pdus.append(pdu.encode())
    return b"".join(pdus)


def as_stream(data: Dataset) -> io.BytesIO:
    return io.BytesIO(encode(data, False, True))


def echo() -> bytes:
    primitive = C_ECHO()
    primitive.MessageID = 1
    primitive.AffectedSOPClassUID = Verification
    return message(C_ECHO_RQ, primitive, Verification)


def image(n_pixels: int) -> Dataset:
    data = Dataset()
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = f"1.2.9.{n_pixels}"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.7"
    data.Modality, data.PatientName = "CT", "Phantom"
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, n_pixels], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.ImagesInAcquisition = [1, 1], 3
    data.Rows, data.Columns = n_pixels, n_pixels
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = bytes(2 * n_pixels * n_pixels)
    return data


def store(data: Dataset) -> bytes:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 2, 0
    primitive.AffectedSOPClassUID = data.SOPClassUID
    primitive.AffectedSOPInstanceUID = data.SOPInstanceUID
    primitive.DataSet = as_stream(data)
    return message(C_STORE_RQ, primitive, CTImageStorage)


def reference(instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, instance
    return item


def commitment() -> bytes:
    data = Dataset()
    data.TransactionUID = "1.2.5"
    data.ReferencedSOPSequence = Sequence([reference("1.2.9.8"), reference("1.2.9.40")])
    primitive = N_ACTION()
    primitive.MessageID, primitive.ActionTypeID = 3, 1
    primitive.RequestedSOPClassUID = StorageCommitmentPushModel
    primitive.RequestedSOPInstanceUID = COMMITMENT_INSTANCE
    primitive.ActionInformation = as_stream(data)
    return message(N_ACTION_RQ, primitive, StorageCommitmentPushModel)


def step_created() -> bytes:
    data = Dataset()
    data.PerformedProcedureStepStatus = "IN PROGRESS"
    data.PerformedProcedureStepID, data.Modality = "1", "CT"
    data.PerformedStationAETitle = "SEED"
    data.PerformedProcedureStepStartDate, data.PerformedProcedureStepStartTime = "20260102", "0304"
    scheduled = Dataset()
    scheduled.StudyInstanceUID = "1.2.3"
    data.ScheduledStepAttributesSequence = Sequence([scheduled])
    data.PerformedSeriesSequence = Sequence([])
    primitive = N_CREATE()
    primitive.MessageID = 4
    primitive.AffectedSOPClassUID = ModalityPerformedProcedureStep
    primitive.AffectedSOPInstanceUID = "1.2.6"
    primitive.AttributeList = as_stream(data)
    return message(N_CREATE_RQ, primitive, ModalityPerformedProcedureStep)


def step_completed() -> bytes:
    series = Dataset()
    series.SeriesInstanceUID = "1.2.7"
    series.ReferencedImageSequence = Sequence([reference("1.2.9.8"), reference("1.2.9.40")])
    data = Dataset()
    data.PerformedProcedureStepStatus = "COMPLETED"
    data.PerformedSeriesSequence = Sequence([series])
    primitive = N_SET()
    primitive.MessageID = 5
    primitive.RequestedSOPClassUID = ModalityPerformedProcedureStep
    primitive.RequestedSOPInstanceUID = "1.2.6"
    primitive.ModificationList = as_stream(data)
    return message(N_SET_RQ, primitive, ModalityPerformedProcedureStep)


def commands(conversation: bytes) -> list[bytes]:
    """What the PDVs of a conversation hold: command sets and data sets."""
    found, at = [], 0
    while at < len(conversation):
        length = int.from_bytes(conversation[at + 2 : at + 6], "big")
        if conversation[at] == 4:
            found.append(conversation[at + 12 : at + 6 + length])
        at += 6 + length
    return found


def write(folder: Path, seeds: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        (folder / name).write_bytes(seed)


def as_file(data: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def main(to: Path, others: list[Path]) -> None:
    small, large = image(8), image(40)
    messages = {
        "echo": echo(),
        "store": store(small) + store(large),
        "commitment": store(small) + commitment(),
        "step": step_created() + store(small) + step_completed(),
    }
    write(to / "association", {name: request() + it + release() for name, it in messages.items()})
    pieces = [piece for it in messages.values() for piece in commands(it)]
    write(to / "dimse", {f"{number:02}": piece for number, piece in enumerate(pieces)})
    write(to / "ct_header", {"small": as_file(small), "large": as_file(large)})
    for folder in others:
        for file in folder.rglob("in-dicom/*.raw"):
            recorded = file.read_bytes()
            write(to / "association", {file.stem: recorded})
            write(to / "dimse", {f"{file.stem}-{n}": it for n, it in enumerate(commands(recorded))})
        for file in folder.rglob("*.dcm"):
            if file.stat().st_size <= IMAGE_BYTES_MAX:
                write(to / "ct_header", {file.name: file.read_bytes()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(it) for it in sys.argv[2:]])
