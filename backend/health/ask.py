"""Docker's health check for what Bash cannot do: ``tls HOST PORT`` and ``unix PATH``.

bin/healthcheck runs it as a file, without the image's packages, because that is faster.
"""

import re
import socket
import ssl
import sys

REQUEST = b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n"
# See bin/healthcheck for the reason.
WELL = re.compile(rb"HTTP/1\.\d [1-4]")


def main(kind: str, *address: str) -> int:
    """Exit code 0 if the server is healthy."""
    if kind == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address[0])
    else:
        connection = socket.create_connection((address[0], int(address[1])))
        # Its certificate is for other names, and it can require one of the client.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            connection = context.wrap_socket(connection)
        except ssl.SSLError:
            return 0  # it responds, even if it requires more of a client
    try:
        connection.sendall(REQUEST)
        answer = connection.makefile("rb").read()
    except ssl.SSLError:
        return 0
    return 0 if WELL.match(answer) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
