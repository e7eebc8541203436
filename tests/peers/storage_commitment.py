"""A scanner that stores and then wants to be sure.

    storage_commitment.py PORT [--only-sent | --later OWN_PORT] FILE...

Sends the files, asks for storage commitment of each of them and (without --only-sent) of one instance that
was never sent, and waits for the report on the same association; with --later it hangs up instead, as many
scanners do, and waits on a port of its own. Prints what it heard as JSON: statuses of
C-STORE and N-ACTION, event type, instances that are committed and those that are not, with reasons.
"""

import json
import sys
import threading
import time

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
    own_port = None
    if paths[0] == "--later":
        own_port = int(paths[1])
        del paths[:2]
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
    if own_port is not None:
        ae.add_supported_context(
            StorageCommitmentPushModel, ImplicitVRLittleEndian, scu_role=False, scp_role=True
        )
        ae.start_server(("127.0.0.1", own_port), block=False, evt_handlers=handlers)
        handlers = []
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
    if own_port is not None:
        association.release()
    assert reported.wait(WAIT_S), "no report"
    heard["still_open"] = association.is_established
    if own_port is None:
        association.release()
    end = time.monotonic() + WAIT_S
    while ae.active_associations and time.monotonic() < end:
        time.sleep(0.05)
    ae.shutdown()
    print(json.dumps(heard))


if __name__ == "__main__":
    main()
