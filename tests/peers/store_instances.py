"""A sender that speaks DICOMweb: `python store_instances.py URL STUDY FILE...`.

Stores the files in one STOW-RS request, of the study where it is not `-`. Prints what it heard as
JSON: the HTTP status where it is an error, instances that were stored, and those that were not, with reasons.
"""

import json
import sys

from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from requests import HTTPError


def main() -> None:
    """The command."""
    url, study, *paths = sys.argv[1:]
    client = DICOMwebClient(url)
    images = [dcmread(path) for path in paths]
    try:
        answer = client.store_instances(images, None if study == "-" else study)
    except HTTPError as error:
        print(json.dumps({"error": error.response.status_code}))
        return
    stored = [item.ReferencedSOPInstanceUID for item in answer.get("ReferencedSOPSequence", [])]
    failed = [
        [item.ReferencedSOPInstanceUID, item.FailureReason]
        for item in answer.get("FailedSOPSequence", [])
    ]
    print(json.dumps({"stored": stored, "failed": failed}))


if __name__ == "__main__":
    main()
