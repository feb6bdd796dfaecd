"""An engine with much to show: the program's own, over sixty perps a second venue trades too.

`python -m tests.bench.busy STEP_S --state-dir ... --instruments N` takes the flags of `stableconsole run`;
the market moves every `STEP_S` seconds. It tells on stdout once a second, as JSON: how late a timer of 5 ms
came (ms, each), the CPU that views took in each tick (ms), and the rows of market data so far.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable

from services.control.views import Views
from services.domain.events import MarketFrame
from services.drive import choice
from services.running import Running
from services.venues.sim.world import World

PROBE_S = 0.005


class Told:
    """What was seen since the last line."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.ticks: list[float] = []
        self.slow: dict[str, float] = {}
        self.rows = 0

    def line(self) -> str:
        said = json.dumps(
            {
                "lags": [round(each, 3) for each in self.lags],
                "ticks": [round(each, 4) for each in self.ticks],
                "slow": {topic: round(took, 3) for topic, took in self.slow.items()},
                "rows": self.rows,
            }
        )
        self.lags, self.ticks, self.slow, self.rows = [], [], {}, 0
        return said


TOLD = Told()


def watch_views() -> None:
    """CPU of the loop's own thread inside the builders, a figure for each tick in which somebody watched."""
    spend, round_ = Views._spend, Views._round

    def spent(self: Views, work: Callable[..., object], topic: str, *more: object) -> object:
        began = time.thread_time()
        made = spend(self, work, topic, *more)
        took = (time.thread_time() - began) * 1e3
        if not TOLD.ticks:  # told in the middle of a tick
            TOLD.ticks.append(0.0)
        TOLD.ticks[-1] += took
        TOLD.slow[topic] = max(TOLD.slow.get(topic, 0.0), took)
        return made

    async def rounded(self: Views, now: float) -> None:
        TOLD.ticks.append(0.0)
        await round_(self, now)

    Views._spend = spent  # type: ignore[method-assign,assignment]
    Views._round = rounded  # type: ignore[method-assign]


async def probe() -> None:
    """How late the loop is with what is due."""
    loop = asyncio.get_running_loop()
    said = loop.time()
    while True:
        due = loop.time() + PROBE_S
        await asyncio.sleep(PROBE_S)
        TOLD.lags.append((loop.time() - due) * 1e3)
        if loop.time() - said >= 1.0:
            said = loop.time()
            sys.stdout.write(TOLD.line() + "\n")
            sys.stdout.flush()


def watch_run() -> None:
    run = Running.run

    async def watched(self: Running) -> object:
        probing = asyncio.get_running_loop().create_task(probe())
        machine = self._parts.machine
        hear = machine.desk.decide

        def decide(event: object) -> object:
            if type(event) is MarketFrame:
                TOLD.rows += len(event.quotes) + len(event.marks)
            return hear(event)  # type: ignore[arg-type]

        machine.desk.decide = decide  # type: ignore[method-assign,assignment]
        try:
            return await run(self)
        finally:
            probing.cancel()

    Running.run = watched  # type: ignore[method-assign,assignment]


def main() -> int:
    step_s = float(sys.argv[1])
    make = choice.make_world

    def made(name: str, seed: int, _step: float | None, synthetic: int) -> World:
        return make(name, seed, step_s, synthetic)

    choice.make_world = made  # type: ignore[assignment]
    watch_views()
    watch_run()
    from console import headless
    from services.protocol import flags

    parsed = flags.quick_parse(sys.argv[2:], ())
    assert parsed is not None, "flags of stableconsole run"
    return headless.run(flags.build(parsed[0]))


if __name__ == "__main__":
    raise SystemExit(main())
