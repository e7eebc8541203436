"""A RIS that answers worklist queries as it is told: `python worklist_scp.py MODE`.

Takes a free port, prints it as its first line, and then each query it hears as a JSON line. MODE:

  charsets   one entry for each character set, by pydicom's own encoders; prints the names as pydicom
             decodes them
  endless    answers for as long as nobody cancels
  garbage    identifiers that are no data sets, and one that is an entry
  other-id   answers another message
  silence    answers nothing
  abort      aborts after the first answer
  A700, ..   that status, hexadecimal
  reject     takes no presentation context of the worklist
"""

import json
import sys
import time

from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification

# Specific Character Set and the name in it: PS3.5 annexes H to J, and what clinics write. Without annex
# K (ISO 2022 IR 58), whose escape sequences pydicom neither writes nor takes out.
NAMES = {
    "ISO_IR 6": "Doe^Jane",
    "ISO_IR 100": "Äneas^Rüdiger",
    "ISO_IR 101": "Wałęsa^Święta",
    "ISO_IR 109": "Ĝusta^Ĉu",
    "ISO_IR 110": "Kļaviņš^Jānis",
    "ISO_IR 144": "Люкceмбypг^Анна",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 126": "Διονυσιος^Αλεξανδρος",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 148": "Çavuşoğlu^Işık",
    "ISO_IR 166": "ทดสอบ^ไทย",
    "ISO_IR 192": "Wang^XiaoDong=王^小東",
    "GB18030": "Wang^XiaoDong=王^小东",
    "GBK": "Wang^XiaoDong=誠^小东",
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 13\\ISO 2022 IR 87": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "\\ISO 2022 IR 87\\ISO 2022 IR 159": "Takagi^Ken=丂^丄=たかぎ^けん",
    "\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
    "ISO 2022 IR 100\\ISO 2022 IR 144": "Müller^Анна",
}


def entry(number: int) -> Dataset:
    """An order for CT1, today."""
    data_set = Dataset()
    data_set.AccessionNumber = f"A{number}"
    data_set.PatientID = f"P{number}"
    data_set.StudyInstanceUID = f"1.2.{number}"
    data_set.RequestedProcedureID = f"R{number}"
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledStationAETitle = "CT1"
    step.ScheduledProcedureStepStartDate = "20260101"
    data_set.ScheduledProcedureStepSequence = [step]
    return data_set


def say(line: object) -> None:
    """One line to whoever started us."""
    print(json.dumps(line), flush=True)


def charsets():
    """An entry for each character set; tells first what pydicom reads in it."""
    spoken = {}
    for number, (declared, name) in enumerate(NAMES.items()):
        values = declared.split("\\")
        python = convert_encodings(values)
        encoded = b"=".join(
            b"^".join(encode_string(part, python) for part in group.split("^"))
            for group in name.split("=")
        )
        decoded = decode_bytes(encoded, python, {0x5C, 0x5E, 0x3D, 0x0A, 0x0D, 0x09, 0x0C})
        assert decoded == name, (declared, decoded)
        spoken[f"A{number}"] = decoded
        data_set = entry(number)
        data_set.SpecificCharacterSet = values
        data_set.PatientName = encoded
        yield 0xFF00, data_set
    say({"names": spoken})


def on_find(event: evt.Event):
    """Answers as MODE says."""
    mode = sys.argv[1]
    identifier = event.identifier
    step = identifier.ScheduledProcedureStepSequence[0]
    say(
        {
            "modality": step.Modality,
            "station": step.ScheduledStationAETitle,
            "days": step.ScheduledProcedureStepStartDate,
            "calling": event.assoc.requestor.ae_title,
        }
    )
    if mode == "charsets":
        yield from charsets()
    elif mode == "endless":
        number = 0
        while True:
            if event.is_cancelled:
                say({"cancelled": True})
                yield 0xFE00, None
                return
            number += 1
            if number > 2000:
                # pynetdicom looks for the cancel when it finds the time.
                time.sleep(0.001)
            yield (0xFF00 if number % 2 else 0xFF01), entry(number)
    elif mode == "garbage":
        yield 0xFF00, entry(1)
        for bytes_ in (
            b"",
            b"garbage!",
            b"\x08\x00\x05\x00\xff\xff\xff\xff",
            b"\x40\x00\x00\x01" * 9,
        ):
            send(event, C_FIND_pending(event, bytes_))
    elif mode == "other-id":
        primitive = C_FIND_pending(event, b"")
        primitive.MessageIDBeingRespondedTo = event.message_id + 1
        send(event, primitive)
    elif mode == "silence":
        time.sleep(600)
    elif mode == "abort":
        yield 0xFF00, entry(1)
        event.assoc.abort()
    else:
        yield int(mode, 16), None


def C_FIND_pending(event: evt.Event, identifier: bytes) -> C_FIND:
    """A pending response with any bytes for an identifier."""
    from io import BytesIO

    primitive = C_FIND()
    primitive.MessageIDBeingRespondedTo = event.message_id
    primitive.AffectedSOPClassUID = ModalityWorklistInformationFind
    primitive.Status = 0xFF00
    primitive.Identifier = BytesIO(identifier or b"\0\0")
    return primitive


def send(event: evt.Event, primitive: C_FIND) -> None:
    """Past pynetdicom's own checks."""
    event.assoc.dimse.send_msg(primitive, event.context.context_id)


def main() -> None:
    """The command."""
    ae = AE("RIS")
    mode = sys.argv[1]
    ae.add_supported_context(Verification if mode == "reject" else ModalityWorklistInformationFind)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, on_find)]
    )
    say(server.server_address[1])
    # Until whoever started us ends.
    sys.stdin.read()


if __name__ == "__main__":
    main()
