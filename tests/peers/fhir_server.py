"""A FHIR R4 server with transactions alone: `python fhir_server.py [ANSWER...]`.

Bundles are validated by *fhir.resources*; conditional creates and updates are done as R4 has them, in memory.
Takes a free port, prints it as its first line, and then for each request a JSON line: what it heard, what is wrong
with it, and all resources that it has by then. ANSWER, each in turn, then `ok`:

  ok        what R4 asks for
  lost      the same, but the connection is closed before the answer
  number    that status, with an OperationOutcome that quotes the patient, and nothing is done
  page      200 and a page in HTML, and nothing is done
"""

import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

from fhir.resources.R4B.bundle import Bundle

ANSWERS = sys.argv[1:]
# By type and id, with their versions.
RESOURCES: dict = {}


class Conflict(Exception):
    """A search finds several."""


def walk(value):
    """Every object in it."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def problems(text: bytes) -> list:
    """What is wrong with a Bundle."""
    try:
        Bundle.model_validate_json(text)
    except ValueError as error:
        return [str(error)]
    found = []
    bundle = json.loads(text)
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    if len(set(urls)) != len(urls):
        found.append("a fullUrl twice")
    for url in urls:
        uuid.UUID(url.removeprefix("urn:uuid:"))
    for entry in bundle["entry"]:
        contained = {"#" + inner["id"] for inner in entry["resource"].get("contained", [])}
        for thing in walk(entry["resource"]):
            reference = thing.get("reference")
            if isinstance(reference, str) and reference not in urls and reference not in contained:
                found.append(f"{reference} leads nowhere")
            if "meta" in thing or "extension" in thing:
                found.append("meta or extension")
    return found


def search(kind: str, query: str) -> list:
    """Keys of the resources with that identifier. The only search there is."""
    ((name, (value,)),) = parse_qs(query, strict_parsing=True).items()
    assert name == "identifier", name
    # Escapes as in R4 3.1.1.4.3; the first bare bar parts system and value.
    parts, escaped = [""], False
    for c in value:
        if escaped or c not in "\\|":
            parts[-1] += c
            escaped = False
        elif c == "\\":
            escaped = True
        else:
            parts.append("")
    system, code = parts
    return [
        key
        for key, resource in RESOURCES.items()
        if key[0] == kind
        and any(
            (it.get("system"), it["value"]) == (system, code)
            for it in resource["resource"].get("identifier", [])
        )
    ]


def do(bundle: dict) -> list:
    """The entries of the answer; all of it, or nothing."""
    plan, names = [], {}
    for entry in bundle["entry"]:
        request, resource = entry["request"], entry["resource"]
        kind = resource["resourceType"]
        if request["method"] == "POST":
            assert request["url"] == kind
            found = search(kind, request["ifNoneExist"])
        else:
            assert request["method"] == "PUT"
            path, query = request["url"].split("?", 1)
            assert path == kind
            found = search(kind, query)
        if len(found) > 1:
            raise Conflict
        key = found[0] if found else (kind, str(uuid.uuid4()))
        names[entry["fullUrl"]] = "/".join(key)
        plan.append((request["method"], key, bool(found), resource))
    answers = []
    for method, key, is_there, resource in plan:
        if not is_there or method == "PUT":
            for thing in walk(resource):
                if thing.get("reference") in names:
                    thing["reference"] = names[thing["reference"]]
            version = RESOURCES[key]["version"] + 1 if is_there else 1
            RESOURCES[key] = {"resource": resource, "version": version}
        location = f"{'/'.join(key)}/_history/{RESOURCES[key]['version']}"
        status = "200 OK" if is_there else "201 Created"
        answers.append({"response": {"status": status, "location": location}})
    return answers


class Receiver(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        """Does it, says so, answers."""
        text = self.rfile.read(int(self.headers["Content-Length"]))
        answer = ANSWERS.pop(0) if ANSWERS else "ok"
        wrong = problems(text)
        status, body = 200, {"resourceType": "Bundle", "type": "transaction-response"}
        if wrong:
            status, body = 422, {"resourceType": "OperationOutcome", "issue": []}
        elif answer.isdigit():
            issue = {"severity": "error", "code": "conflict", "diagnostics": text.decode()}
            status, body = int(answer), {"resourceType": "OperationOutcome", "issue": [issue]}
        elif answer in ("ok", "lost"):
            try:
                body["entry"] = do(json.loads(text))
                Bundle.model_validate_json(json.dumps(body))
            except Conflict:
                status, body = 412, {"resourceType": "OperationOutcome", "issue": []}
        said = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "bundle": json.loads(text),
            "problems": wrong,
            "resources": [
                {"id": "/".join(key), **resource} for key, resource in RESOURCES.items()
            ],
        }
        print(json.dumps(said), flush=True)
        if answer == "lost":
            self.close_connection = True
            return
        page = b"<html>Please log in</html>" if answer == "page" else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_) -> None:
        """Nothing."""


def main() -> None:
    """The command."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
