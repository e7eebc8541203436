"""C-ECHO over TLS: `python tls.py PORT VERSION AUTHORITY [CERTIFICATE KEY]`, VERSION as in `1.2`.

Prints what came of it as JSON: whether there was an association, the status of C-ECHO, and the version that was
spoken. The server's certificate must be signed by AUTHORITY, for 127.0.0.1.
"""

import json
import ssl
import sys

from pynetdicom import AE
from pynetdicom.sop_class import Verification

VERSIONS = {
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def main() -> None:
    """The command."""
    port, version, authority, *own = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    if version == "1.1":
        # OpenSSL alone would refuse to ask for it.
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if own:
        context.load_cert_chain(*own)
    ae = AE("CT1")
    ae.add_requested_context(Verification)
    address = ("127.0.0.1", int(port))
    association = ae.associate(*address, ae_title="PAROTIDD", tls_args=(context, "127.0.0.1"))
    heard: dict = {"established": association.is_established}
    if association.is_established:
        heard["version"] = association.dul.socket.socket.version()
        heard["status"] = association.send_c_echo().Status
        association.release()
    print(json.dumps(heard))


if __name__ == "__main__":
    main()
