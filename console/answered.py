"""The answer to a command as the screens know it."""

from __future__ import annotations

import msgspec

from screens.link import Answer
from services.protocol.exits import Exit
from services.protocol.frames import Done


def answer_of(done: Done) -> Answer:
    result = msgspec.json.decode(bytes(done.result))
    if done.error is None:
        text = result.get("text", "") if isinstance(result, dict) else ""
        return Answer(ok=done.ok, text=str(text), result=result)
    return Answer(ok=False, text=done.error.text, result=result, exit=done.error.exit)


async def refused(text: str, status: Exit) -> Answer:
    return Answer(ok=False, text=text, exit=status)
