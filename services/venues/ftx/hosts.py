"""Where an FTX-dialect venue is, as its profile says it.

The real exchange is gone and its names belong to strangers: there is no default host, one is loopback unless
somebody says that they know what they do, and anything else needs TLS (bug rows A1, B12).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import Struct

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class FtxSettings(Struct, frozen=True, kw_only=True):
    rest: str
    """`http://127.0.0.1:PORT`; no default."""
    stream: str
    """`ws://127.0.0.1:PORT/ws/`."""
    key: str = ""
    subaccount: str | None = None
    symbols: tuple[str, ...] = ()
    """Markets to watch; empty = all perpetuals and spot pairs."""
    allow_remote: bool = False
    """A host that is not this machine was named on purpose."""
    extensions: bool = False
    """The server is ours: dead-man's switch, client ids of conditional orders."""


def check_hosts(settings: FtxSettings) -> None:
    """Raises ValueError with one line: the hosts of `ftx.com` are nobody's that we know."""
    for url, safe in ((settings.rest, "https"), (settings.stream, "wss")):
        parts = urlsplit(url)
        if parts.hostname in LOOPBACK:
            continue
        if not settings.allow_remote:
            raise ValueError(f"{url}: an FTX-dialect host that is not this machine needs allow_remote = true")
        if parts.scheme != safe:
            raise ValueError(f"{url}: a host that is not this machine needs {safe}")
