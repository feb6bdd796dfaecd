"""Where Binance lives, by profile. Nothing here is a default: a profile names one of them, or its own.

Demo prices follow a book of their own: a fill there says nothing of live prices (binance.md 1).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import Struct

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Hosts(Struct, frozen=True, kw_only=True):
    rest: str
    """Scheme and authority."""
    stream: str
    """Scheme and authority; the three entry points follow."""
    wallet: str = ""
    """What the key may do, and which coins can leave; neither demo nor testnet tells."""


WALLET = "https://api.binance.com"
USDM: dict[str, Hosts] = {
    "production": Hosts(rest="https://fapi.binance.com", stream="wss://fstream.binance.com", wallet=WALLET),
    "demo": Hosts(rest="https://demo-fapi.binance.com", stream="wss://fstream.binancefuture.com"),
    "testnet": Hosts(rest="https://testnet.binancefuture.com", stream="wss://fstream.binancefuture.com"),
}


class SpotHosts(Hosts, frozen=True, kw_only=True):
    api: str
    """The WebSocket API, with its path: the account's own events come there alone (binance.md 0.3)."""
    index: str = ""
    """The futures service beside it: spot knows no dollar, its sister tells what coins are worth in it."""


SPOT: dict[str, SpotHosts] = {
    "production": SpotHosts(
        rest="https://api.binance.com",
        stream="wss://stream.binance.com:9443",
        api="wss://ws-api.binance.com:443/ws-api/v3",
        index=USDM["production"].rest,
        wallet=WALLET,
    ),
    "demo": SpotHosts(
        rest="https://demo-api.binance.com",
        stream="wss://demo-stream.binance.com:9443",
        api="wss://demo-ws-api.binance.com/ws-api/v3",
        index=USDM["demo"].rest,
    ),
    "testnet": SpotHosts(
        rest="https://testnet.binance.vision",
        stream="wss://stream.testnet.binance.vision",
        api="wss://ws-api.testnet.binance.vision/ws-api/v3",
        index=USDM["testnet"].rest,
    ),
}


def spot_hosts_of(profile: str) -> SpotHosts:
    """Raises ValueError with one line."""
    found = SPOT.get(profile)
    if found is None:
        raise ValueError(f"binance spot has no hosts called {profile!r:.40}: {', '.join(SPOT)}")
    return found


def hosts_of(profile: str) -> Hosts:
    """Raises ValueError with one line."""
    found = USDM.get(profile)
    if found is None:
        raise ValueError(f"binance has no hosts called {profile!r:.40}: {', '.join(USDM)}")
    return found


def check_hosts(hosts: Hosts) -> None:
    """Raises ValueError with one line: plain text only on this machine (bug row B12)."""
    named = [(hosts.rest, "https"), (hosts.stream, "wss")]
    if hosts.wallet:
        named.append((hosts.wallet, "https"))
    if isinstance(hosts, SpotHosts):
        named.append((hosts.api, "wss"))
        if hosts.index:
            named.append((hosts.index, "https"))
    for url, safe in named:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{url!r:.60}: no host")
        if parts.scheme != safe and parts.hostname not in LOOPBACK:
            raise ValueError(f"{url}: a host that is not this machine needs {safe}")


class BinanceSettings(Struct, frozen=True, kw_only=True):
    hosts: Hosts
    """No default: a profile names them (`hosts_of`)."""
    symbols: tuple[str, ...]
    """As the venue writes them: BTCUSDT."""
    key: str = ""
    leverage: int | None = None
    """Set at the start and read back; None = as it is."""


class SpotSettings(Struct, frozen=True, kw_only=True):
    hosts: SpotHosts
    """No default: a profile names them (`spot_hosts_of`)."""
    symbols: tuple[str, ...]
    """As the venue writes them: USDCUSDT."""
    key: str = ""
