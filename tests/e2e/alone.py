"""The console by itself, as a program: `python -m tests.e2e.alone LOG`. Real terminal, fixture views.

It keeps a log of what reached its screens and of what it would have sent, and from where. It never leaves by
itself: what would end it is counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from textual import events

from console.app import StableConsole, make_app
from screens.link import Answer
from screens.ui import UiSettings
from tests.console.fixtures import quiet_strip
from tests.console.rooms import ROOM_VIEWS
from tests.console.stub import StubLink

KEY_S = 0.06
"""On the console's clock one key takes so long, as from a hand: dialogs are deaf for their first three."""


class Recorded(StubLink):
    def __init__(self, log: dict[str, Any]) -> None:
        super().__init__(quiet_strip())
        for made in ROOM_VIEWS.values():
            self.views |= made()
        self.log = log
        self.begin: Callable[[], object] = dict

    def start(self) -> None:
        super().start()
        self.begin()

    def view(self, topic: str) -> object | None:
        kind = topic.partition(":")[0]
        return next((view for name, view in self.views.items() if name.partition(":")[0] == kind), None)

    def send(  # type: ignore[override]
        self, name: str, args: Mapping[str, str], progress: object = None
    ) -> Coroutine[Any, Any, Answer]:
        frame = sys._getframe()
        callers = []
        while frame.f_back is not None and len(callers) < 12:
            frame = frame.f_back
            callers.append(frame.f_code.co_name)
        self.log["sent"].append([name, callers])
        return super().send(name, args)


def main() -> None:
    target = Path(sys.argv[1])
    log: dict[str, Any] = {
        "keys": 0,
        "elsewhere": 0,
        "rooms": Counter(),
        "dialogs": Counter(),
        "sent": [],
        "exits": 0,
    }
    link = Recorded(log)
    app = make_app(link, UiSettings(), clock=lambda: log["keys"] * KEY_S)

    async def count(self: StableConsole, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            vars(event).pop("along", None)
            ours = self.screen is self.desk
            log["keys" if ours else "elsewhere"] += 1
            if ours:
                dialog = self.desk.dialog
                log["rooms"][self.desk.room.name] += 1
                log["dialogs"][type(dialog).__name__ if dialog else self.desk.field_mode] += 1
        await heard(self, event)
        if isinstance(event, events.Key):
            # As from a hand: what a key has brought is there before the next one comes.
            for _ in range(20):
                focused = self.desk.focused
                if self.desk._message_queue.empty() and (focused is None or focused._message_queue.empty()):
                    break
                await asyncio.sleep(0)

    heard = StableConsole.on_event
    StableConsole.on_event = count  # type: ignore[method-assign]

    def stay(*_given: object, **_more: object) -> None:
        log["exits"] += 1

    app.exit = stay  # type: ignore[method-assign,assignment]

    def write() -> None:
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(log), encoding="utf-8")
        fresh.replace(target)

    link.begin = lambda: app.desk.set_interval(0.2, write)
    app.run()


if __name__ == "__main__":
    main()
