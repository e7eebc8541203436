"""An archive that is asked for storage commitment.

    commitment_pacs.py PORT MODE PEER_PORT

Takes result objects as PACS on PORT, and answers each request for storage commitment as MODE says:

    same        reports on the association that asked
    later       hangs up, and reports over an association of its own to PEER_PORT
    fails       reports its first instance as lost, each time
    fails_once  reports it as lost the first time
    unasked     before `later`, reports a transaction that nobody asked for, and the right one as another archive
    never       reports nothing

Prints what happens as JSON, a line each, until it is ended.
"""

import json
import sys
import threading
import time

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

CLASSES = [
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
]
# Until the answer to a request is on its way.
SOON_S = 0.3
NO_SUCH_OBJECT = 0x0112


def say(**what: object) -> None:
    """A line of what happens."""
    print(json.dumps(what), flush=True)


class Archive:
    """What it has, and how it behaves."""

    def __init__(self, mode: str, peer_port: int) -> None:
        self.mode = mode
        self.peer_port = peer_port
        self.stored: set[str] = set()
        self.n_asked = 0

    def on_store(self, event: evt.Event) -> int:
        """C-STORE."""
        instance = event.request.AffectedSOPInstanceUID
        self.stored.add(instance)
        say(stored=instance)
        return 0x0000

    def on_action(self, event: evt.Event) -> tuple[int, None]:
        """N-ACTION."""
        asked = event.action_information
        self.n_asked += 1
        references = asked.ReferencedSOPSequence
        known = all(item.ReferencedSOPInstanceUID in self.stored for item in references)
        say(asked=asked.TransactionUID, n=len(references), known=known, type=event.action_type)
        if self.mode != "never":
            arguments = (event.assoc, asked.TransactionUID, list(references))
            threading.Thread(target=self.report, args=arguments, daemon=True).start()
        return 0x0000, None

    def report(self, association: object, transaction: str, references: list[Dataset]) -> None:
        """Tells what became of a request."""
        time.sleep(SOON_S)
        fails = self.mode == "fails" or (self.mode == "fails_once" and self.n_asked == 1)
        if self.mode not in ("later", "unasked"):
            say(reported=tell(association, transaction, references, fails))
            return
        association.abort()
        if self.mode == "unasked":
            say(unasked=self.call("PACS", "2.25.404", references))
            say(other=self.call("OTHER", transaction, references))
        say(reported=self.call("PACS", transaction, references))

    def call(self, name: str, transaction: str, references: list[Dataset]) -> int:
        """Reports over an association of its own."""
        ae = AE(name)
        ae.add_requested_context(StorageCommitmentPushModel, ImplicitVRLittleEndian)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        association = ae.associate("127.0.0.1", self.peer_port, ae_title="PAROTIDD", ext_neg=[role])
        assert association.is_established, "rejected"
        status = tell(association, transaction, references, fails=False)
        association.release()
        return status


def tell(association: object, transaction: str, references: list[Dataset], fails: bool) -> int:
    """An N-EVENT-REPORT; gives the status of its answer."""
    report = Dataset()
    report.TransactionUID = transaction
    if fails:
        references[0].FailureReason = NO_SUCH_OBJECT
        report.FailedSOPSequence = references[:1]
        references = references[1:]
    report.ReferencedSOPSequence = references
    status, _ = association.send_n_event_report(
        report,
        2 if fails else 1,
        StorageCommitmentPushModel,
        StorageCommitmentPushModelInstance,
    )
    return status.Status


def main() -> None:
    """The command."""
    port, mode, peer_port = sys.argv[1:]
    archive = Archive(mode, int(peer_port))
    ae = AE("PACS")
    for sop_class in CLASSES:
        ae.add_supported_context(sop_class)
    ae.add_supported_context(StorageCommitmentPushModel)
    handlers = [(evt.EVT_C_STORE, archive.on_store), (evt.EVT_N_ACTION, archive.on_action)]
    server = ae.start_server(("127.0.0.1", int(port)), block=False, evt_handlers=handlers)
    say(ready=True)
    try:
        threading.Event().wait()
    finally:
        server.shutdown()


if __name__ == "__main__":
    main()
