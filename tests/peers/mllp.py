"""Systems that speak HL7 v2 over MLLP, on libraries of others.

`mllp.py serve CODE...` is an interface engine (hl7apy): takes a free port, prints it as its first line, then for
each message a JSON line: whether it is valid in the strictest sense, or why not, and its segments. It answers with
the codes in turn, with the last from then on.

`mllp.py send PORT FILE...` is a RIS (python-hl7): sends the message in each file on one connection and prints, as
JSON, MSA-1 to MSA-3 of each answer, and what `serve` would say of it.

`mllp.py validate FILE...` prints as JSON what `serve` would say of the message in each file.
"""

import json
import sys
from pathlib import Path

from hl7.client import MLLPClient
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message
from hl7apy.exceptions import HL7apyException
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

import hl7


def judge(text: str) -> tuple[dict, Message | None]:
    """What the strictest reading says of a message."""
    try:
        message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
        message.validate()
    except HL7apyException as error:
        return {"valid": False, "error": f"{type(error).__name__}: {error}", "segments": []}, None
    segments = [segment for segment in message.to_er7().split("\r") if segment]
    return {"valid": True, "error": None, "segments": segments}, message


class Engine(AbstractHandler):
    """Answers one message."""

    def __init__(self, message: str, codes: list[str]) -> None:
        super().__init__(message)
        self.codes = codes

    def reply(self) -> str:
        """The acknowledgement, framed."""
        found, message = judge(self.incoming_message)
        print(json.dumps(found), flush=True)
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        answer = Message("ACK", version="2.5.1", validation_level=VALIDATION_LEVEL.STRICT)
        answer.msh.msh_3 = "ENGINE"
        answer.msh.msh_9 = "ACK^R01^ACK"
        answer.msh.msh_10 = "E1"
        answer.msh.msh_11 = "P"
        answer.msa.msa_1 = code if message else "AR"
        answer.msa.msa_2 = message.msh.msh_10.value if message else "unknown"
        answer.msa.msa_3 = "by hl7apy"
        answer.validate()
        return answer.to_mllp()


def serve(codes: list[str]) -> None:
    kinds = ["ORU^R01^ORU_R01", "ORU^R01"]
    server = MLLPServer("127.0.0.1", 0, {kind: (Engine, codes) for kind in kinds})
    print(server.server_address[1], flush=True)
    server.serve_forever()


def send(port: str, *paths: str) -> None:
    answers = []
    with MLLPClient("127.0.0.1", int(port)) as client:
        for path in paths:
            received = client.send_message(Path(path).read_bytes()).decode()
            text = received.strip("\x0b\x1c\r")
            msa = hl7.parse(text).segment("MSA")
            fields = [str(msa[n]) if len(msa) > n else "" for n in (1, 2, 3)]
            answers.append({"msa": fields, **judge(text)[0]})
    print(json.dumps(answers))


def validate(*paths: str) -> None:
    print(json.dumps([judge(Path(path).read_bytes().decode())[0] for path in paths]))


def main() -> None:
    """The command."""
    what, *arguments = sys.argv[1:]
    if what == "serve":
        serve(arguments)
    elif what == "send":
        send(*arguments)
    else:
        validate(*arguments)


if __name__ == "__main__":
    main()
