"""Exchanges and an anchor for the dollar behind scripts, in a thread of their own, and a profile on them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

from tests.ccxt_venue.exchange import Exchange, Query, fake, now_ms
from tests.ccxt_venue.okx import INSTRUMENT, OkxExchange

PROFILE = "real"
SECRET, WORD, KEY = "hush-hush-0815", "word-word-0815", "keyid-0815"


class Anchor(OkxExchange):
    """Spot USDT against dollars, near par: what the peg is judged by."""

    def __init__(self) -> None:
        super().__init__(spot=True)
        self.market = "USDT-USD"

    def route(self, name: str, query: Query) -> object:
        if name == "GET /api/v5/public/instruments":
            return [
                {**INSTRUMENT, "instType": "SPOT", "instId": self.market, "baseCcy": "USDT",
                 "quoteCcy": "USD", "settleCcy": "", "ctVal": "", "ctMult": "", "ctValCcy": "", "ctType": "",
                 "tickSz": "0.0001",
                 "lotSz": "1", "minSz": "1"}
            ] if query.get("instType") == "SPOT" else []  # fmt: skip
        if name == "GET /api/v5/market/books":
            return [{"bids": [["0.9997", "500000", "0", "1"]], "asks": [["0.9999", "500000", "0", "1"]],
                     "ts": str(now_ms())}]  # fmt: skip
        return super().route(name, query)


@contextmanager
def exchanges(**named: Exchange) -> Iterator[None]:
    """All of them answer while the caller's thread does something else."""
    up, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            for each in named.values():
                await stack.enter_async_context(fake(each))
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert up.wait(30)
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        loop.close()


def profile(folder: Path, more: str = "", **named: Exchange) -> dict[str, str]:
    """A configuration file in `folder`; the variables that a process needs to run by it."""
    text = f'[profiles.{PROFILE}]\nmode = "live"\nvenues = {list(named)}\n{more}\n'.replace("'", '"')
    known = {"STABLECONSOLE_CONFIG": str(folder / "config.toml"), "XDG_STATE_HOME": str(folder)}
    for name, server in named.items():
        text += (
            f'[profiles.{PROFILE}.venue.{name}]\nkind = "ccxt"\nexchange = "{server.name}"\nhosts = "local"\n'
            f'rest = "{server.rest}"\nsymbols = ["{server.market}"]\n'
        )
        if server.spot:
            text += 'market = "spot"\n'
        text += f'key = "{KEY}-{name}"\n'
        known[f"STABLECONSOLE_SECRET_{name.upper()}"] = SECRET
        known[f"STABLECONSOLE_SECRET_{name.upper()}__PASSPHRASE"] = WORD
    (folder / "config.toml").write_text(text)
    return known


def paying(make: type[Exchange], rate: str) -> Exchange:
    """Its funding settles in some hours, at this rate, as it always has."""
    server = make()
    server.rate, server.ahead_h, server.past = Decimal(rate), 4, 120
    return server
