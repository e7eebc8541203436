"""A scanner that stores and then wants to be sure: `python storage_commitment.py PORT [--only-sent] FILE...`.

Sends the files, asks for storage commitment of each of them and (without --only-sent) of one instance that
was never sent, and waits for the report on the same association. Prints what it heard as JSON: statuses of
C-STORE and N-ACTION, event type, instances that are committed and those that are not, with reasons.
"""

import json
import sys
import threading

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

WAIT_S = 10
NEVER_SENT = "2.25.404"


def reference(sop_instance: str) -> Dataset:
    """An item of the request."""
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = sop_instance
    return item


def main() -> None:
    """The command."""
    port, *paths = sys.argv[1:]
    never_sent = [NEVER_SENT]
    if paths[0] == "--only-sent":
        never_sent = []
        del paths[0]
    heard: dict = {}
    reported = threading.Event()

    def on_report(event: evt.Event) -> tuple[int, None]:
        report = event.event_information
        heard["event_type"] = event.event_type
        heard["transaction"] = report.TransactionUID
        committed = report.get("ReferencedSOPSequence", [])
        heard["committed"] = [item.ReferencedSOPInstanceUID for item in committed]
        failed = report.get("FailedSOPSequence", [])
        heard["failed"] = [[item.ReferencedSOPInstanceUID, item.FailureReason] for item in failed]
        reported.set()
        return 0x0000, None

    ae = AE("CT1")
    ae.add_requested_context(CTImageStorage, [ImplicitVRLittleEndian])
    ae.add_requested_context(StorageCommitmentPushModel, ImplicitVRLittleEndian)
    handlers = [(evt.EVT_N_EVENT_REPORT, on_report)]
    association = ae.associate("127.0.0.1", int(port), ae_title="PAROTIDD", evt_handlers=handlers)
    assert association.is_established, "rejected"
    images = [dcmread(path) for path in paths]
    heard["stored"] = [association.send_c_store(image).Status for image in images]
    request = Dataset()
    request.TransactionUID = "2.25.7"
    uids = [image.SOPInstanceUID for image in images]
    request.ReferencedSOPSequence = [reference(uid) for uid in [*uids, *never_sent]]
    status, _ = association.send_n_action(
        request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    heard["action"] = status.Status
    assert reported.wait(WAIT_S), "no report"
    heard["still_open"] = association.is_established
    association.release()
    print(json.dumps(heard))


if __name__ == "__main__":
    main()
