"""A mail server that is not ours: aiosmtpd on a free port, one JSON line per message on standard output.

Arguments: none, starttls or tls; for the last two the files of certificate and key, the user and the password.
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

ENCRYPTION, *REST = sys.argv[1:] or ["none"]


class Handler:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(preferencelist=("plain", "html"))
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": str(message["subject"]),
            "names": [name.lower() for name in message.keys()],
            "types": [part.get_content_type() for part in message.walk()],
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "body": body.get_content() if body else "",
            "encrypted": server.transport.get_extra_info("cipher") is not None,
            "user": (session.auth_data.login.decode() if session.auth_data else None),
        }), flush=True)
        return "250 OK"


def server():
    if ENCRYPTION == "none":
        return SMTP(Handler(), enable_SMTPUTF8=True)
    certificate, key, user, password = REST

    def authenticator(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=right, auth_data=data)

    options = {"enable_SMTPUTF8": True, "authenticator": authenticator, "auth_required": True}
    if ENCRYPTION == "starttls":
        return SMTP(Handler(), tls_context=context(), require_starttls=True, **options)
    # The library knows only of TLS that it began itself.
    return SMTP(Handler(), auth_require_tls=False, **options)


def context():
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(REST[0], REST[1])
    return made


async def main():
    loop = asyncio.get_running_loop()
    tls = context() if ENCRYPTION == "tls" else None
    listener = await loop.create_server(server, "127.0.0.1", 0, ssl=tls)
    print(json.dumps({"port": listener.sockets[0].getsockname()[1]}), flush=True)
    async with listener:
        await listener.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)
