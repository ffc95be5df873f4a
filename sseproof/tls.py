"""TLS on both sides: certificates made on the spot, and a client that trusts those of one folder and no other.

Rule of the file: a certificate that is not trusted is NotTrusted, which is our fault, for the certificates are ours.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from sseproof.probe import ProbeError, ProbeTimeout

CERTIFICATE, KEY = "cert.pem", "key.pem"
_AUTHORITY = "ca.pem"


class NotTrusted(Exception):
    """Say that a server's certificate is not signed by whom we trust."""


def certify(folder: Path, address: str) -> None:
    """Make an authority, and a certificate for this address that it has signed, for this folder alone."""
    import trustme  # a door's: doors.py says better that it is missing

    authority = trustme.CA()
    certificate = authority.issue_cert(address)
    authority.cert_pem.write_to_path(str(folder / _AUTHORITY))
    certificate.private_key_pem.write_to_path(str(folder / KEY))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(folder / CERTIFICATE), append=True)


def trusting(folder: Path) -> ssl.SSLContext:
    """Give a client's side that trusts what was certified in this folder."""
    return ssl.create_default_context(cafile=str(folder / _AUTHORITY))


def shake_hands(sock: socket.socket, host: str, context: ssl.SSLContext, protocol: str) -> ssl.SSLSocket:
    """Speak TLS on a connected socket, for a protocol of ALPN. Raises NotTrusted, ProbeError, ProbeTimeout."""
    limit_s, authority = sock.gettimeout(), "{}:{}".format(*sock.getpeername()[:2])
    context.set_alpn_protocols([protocol])
    try:
        shaken = context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise NotTrusted(f"{authority} is not trusted: {error.verify_message}") from None
    except TimeoutError:
        raise ProbeTimeout(f"no TLS with {authority} after {limit_s:.3g} s") from None
    except OSError as error:
        raise ProbeError(f"no TLS with {authority}: {error.strerror or error}") from error
    spoken = shaken.selected_alpn_protocol()
    if spoken != protocol:
        shaken.close()
        raise ProbeError(f"{authority} speaks {spoken or 'no protocol of ALPN'}, expected {protocol}")
    return shaken
