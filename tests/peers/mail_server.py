"""A mail server on *aiosmtpd*: `python mail_server.py SETTINGS`.

SETTINGS as JSON:

  security             "starttls" (asked for before anything else), "tls" or "none"
  certificate, key     for TLS, PEM files
  password             of the user `parotidd`; without it nobody is asked for one
  mail, rcpt, data     replies to these commands in place of "250": a list, each in turn; null is "250", and so is
                       what comes after the last. For `rcpt` an object with a reply for each address.
  manners              "silent" (says nothing), "close" (hangs up), "close-in-data" (does so instead of its reply)

Takes a free port, prints it as its first line, and then each mail that it took as a JSON line, parsed by Python's
*email*.
"""

import asyncio
import email
import email.policy
import hashlib
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

SETTINGS = json.loads(sys.argv[1])


def reply(command: str) -> str | None:
    """The next one to a command."""
    replies = SETTINGS.get(command, [])
    return replies.pop(0) if replies else None


class Handler:
    """What is done with mail."""

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        """A sender."""
        said = reply("mail")
        if said is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said or "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        """A recipient."""
        said = SETTINGS.get("rcpt", {}).get(address)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        """A whole mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        said = reply("data")
        print(
            json.dumps(
                {
                    "mail_from": envelope.mail_from,
                    "rcpt_tos": envelope.rcpt_tos,
                    "headers": {name.lower(): str(value) for name, value in mail.items()},
                    "type": mail.get_content_type(),
                    "body": mail.get_content(),
                    "defects": [repr(defect) for defect in mail.defects],
                    "longest_line": max(map(len, envelope.content.split(b"\r\n"))),
                    "is_ascii": envelope.content.isascii(),
                    "sha256": hashlib.sha256(envelope.content).hexdigest(),
                    "is_encrypted": session.ssl is not None
                    or server.transport.get_extra_info("ssl_object") is not None,
                    "user": session.auth_data.login.decode() if session.auth_data else None,
                    "reply": said,
                }
            ),
            flush=True,
        )
        if SETTINGS.get("manners") == "close-in-data":
            server.transport.close()
        return said or "250 2.0.0 queued as 4711"


def authenticate(_server, _session, _envelope, _mechanism, data) -> AuthResult:
    """Whether it is the user."""
    assert isinstance(data, LoginPassword)
    wanted = LoginPassword(b"parotidd", SETTINGS["password"].encode())
    return AuthResult(success=data == wanted, handled=False, auth_data=data)


class Rude(asyncio.Protocol):
    """A server that does not speak."""

    def connection_made(self, transport) -> None:
        """Hangs up, or holds the line."""
        self.transport = transport
        if SETTINGS["manners"] == "close":
            transport.close()


async def main() -> None:
    """The command."""
    # What a client does wrong on purpose is for the test to tell.
    logging.disable()
    warnings.simplefilter("ignore")
    context = None
    if "certificate" in SETTINGS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SETTINGS["certificate"], SETTINGS["key"])
    starttls = SETTINGS.get("security") == "starttls"

    def session() -> asyncio.Protocol:
        if SETTINGS.get("manners") in ("silent", "close"):
            return Rude()
        return SMTP(
            Handler(),
            hostname="mail.example",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required="password" in SETTINGS,
            auth_require_tls=starttls,
            authenticator=authenticate if "password" in SETTINGS else None,
        )

    wrapper = context if SETTINGS.get("security") == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=wrapper)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
