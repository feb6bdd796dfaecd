"""A question to the server's own code, without a socket: what it would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from services.workers.simserver.auth import Caller, Refused
from services.workers.simserver.candles import Candles
from services.workers.simserver.house import NS, House
from services.workers.simserver.keys import Key
from services.workers.simserver.question import Answer, Question
from services.workers.simserver.trouble import answered

KEY = Key("trader", "secret", ("arb", "hedge"))


def asked(
    house: House,
    answer: Answer,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    key: Key = KEY,
    names: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    ahead_ns: int = NS // 100,
) -> Any:
    """As the server answers it; a refusal as (status, text). `ahead_ns`: the market goes on by so much, four
    times, while it waits."""

    async def here() -> bool:
        return False

    async def both() -> Any:
        caller, candles = Caller(key, ""), Candles()
        q = Question(
            house=house,
            venue="alpha",
            names=names or {},
            query=query or {},
            body=body,
            caller=caller,
            candles=candles,
        )
        waiting = asyncio.ensure_future(answered(q, answer, method, path, here))
        for _ in range(4):
            await asyncio.sleep(0)
            house.advance(house.now + ahead_ns)
        return await waiting

    try:
        return asyncio.run(both())
    except Refused as refused:
        return refused.status, refused.text
