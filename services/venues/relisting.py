"""A venue's list of markets read anew while we run: ends, closed markets, other steps, fees, margin.

A venue takes contracts off its list while we run; a pair that nobody told of it would lose one leg to the
venue's own settlement. It changes steps, fee tiers and margin brackets, too. The list is read each hour with
all that belongs to it, and without fees and brackets soon after a connection was lost: a market that has gone
falls silent, and its silence must not take the others along.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Container, Mapping, Set
from enum import StrEnum

from msgspec.structs import replace

from services.domain.instrument import Instrument
from services.runtime.clock import boot_s
from services.venues.wire.errors import WireError

EVERY_S = 3_600.0
AGAIN_S = 300.0
"""After a round that failed, or that found what keeps us from trading."""
REST_S = 60.0
"""Between two looks at least, however many connections are lost."""


NAMED = 8
"""So many new markets are named in one line."""


def ended(spec: Instrument, now: int) -> bool:
    """It is closed: a question that names it may be refused whole."""
    return spec.delisting_ts is not None and spec.delisting_ts <= now


class Missing(StrEnum):
    """Why a list has no facts of one of our markets."""

    CLOSED = "closed"
    """The venue says that it is not open."""
    ABSENT = "absent"
    """It is not named. One answer may lack it by mistake; a second one that lacks it too is believed."""
    UNCLEAR = "unclear"
    """It is open, and what is told of it cannot be read."""


Present = Mapping[str, Instrument | Missing]
"""A list as the venue has it now, by our symbols."""


def absent_of(present: Present) -> frozenset[str]:
    return frozenset(name for name, found in present.items() if found is Missing.ABSENT)


def relisted(
    listed: Mapping[str, Instrument], present: Present, now: int, absent: Container[str] = ()
) -> dict[str, Instrument]:
    """By symbol, what of `listed` is other than before; `absent`: what the look before this one lacked.

    A market that is not open keeps its facts and has ended now, unless its end had been told. Nothing new is
    risked where the list says nothing that can be read, and nothing is closed for that.
    """
    changed: dict[str, Instrument] = {}
    for name, known in listed.items():
        found = present[name]
        if found is Missing.CLOSED or (found is Missing.ABSENT and name in absent):
            spec = known if ended(known, now) else replace(known, delisting_ts=now)
        elif isinstance(found, Missing):
            spec = known if ended(known, now) else replace(known, taker_fee=None)
        else:
            # One that takes closing orders alone has ended when that was first seen.
            same_end = ended(known, now) and ended(found, now)
            # What is held has to be judged by something, so brackets that are unknown now leave the last
            # known ones; an unknown fee keeps out what is new.
            lost = found.tiers is None and known.tiers is not None
            spec = replace(
                known,
                price_increment=found.price_increment,
                size_increment=found.size_increment,
                min_size=found.min_size,
                max_size=found.max_size,
                min_notional=found.min_notional,
                maker_fee=found.maker_fee,
                taker_fee=None if lost else found.taker_fee,
                tiers=known.tiers if lost else found.tiers,
                funding_interval_h=found.funding_interval_h,
                delisting_ts=known.delisting_ts if same_end else found.delisting_ts,
            )
        if spec != known:
            changed[name] = spec
    return changed


def newly(before: Set[str], after: Set[str]) -> str:
    """What is listed beside ours and was not before, in a line; "" = nothing."""
    new = sorted(after - before)
    more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
    return f"listed anew, known from the next start on: {', '.join(new[:NAMED])}{more}" if new else ""


class Rounds:
    """When the list is read: each hour the whole of it, and the markets alone soon after `hint`."""

    def __init__(
        self,
        look: Callable[[bool], Awaitable[None]],
        trouble: Callable[[str], None],
        *,
        clock: Callable[[], float] = boot_s,
        rest_s: float = REST_S,
    ) -> None:
        """`look(whole)`: `whole` = with fees and brackets. It may raise WireError."""
        self._look = look
        self._trouble = trouble
        self._clock = clock
        self._rest_s = rest_s
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self.doubted = False

    def doubt(self) -> None:
        """What the last whole look brought keeps us from trading: the next one comes soon."""
        self.doubted = True

    def hint(self) -> None:
        """Something may have changed."""
        self._wake.set()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()

    async def run(self) -> None:
        """Until `stop`. What fails is asked again."""
        due = self._clock() + EVERY_S
        while not self._stopped.is_set():
            if self.doubted:
                self.doubted = False
                due = min(due, self._clock() + AGAIN_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, due - self._clock()))
            if self._stopped.is_set():
                return
            self._wake.clear()
            whole = self._clock() >= due
            try:
                await self._look(whole)
            except WireError as error:
                self._trouble(f"the list of markets was not told: {error.text}")
                due = min(due, self._clock() + AGAIN_S) if not whole else self._clock() + AGAIN_S
            else:
                due = self._clock() + EVERY_S if whole else due
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._rest_s)
