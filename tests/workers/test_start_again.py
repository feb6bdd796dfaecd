"""A start asks once more where an answer was lost: an engine that died with a leg alone must come back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import Struct

from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.venues.wire.errors import ErrorKind, WireError
from services.workers import live_direct
from services.workers.live_engine import LiveEngine
from services.workers.starting import Refused, Silent


class Venue:
    """Fails its first starts in these ways."""

    def __init__(self, *fails: ErrorKind, clock: bool = False) -> None:
        self.fails = list(fails)
        self.clock = clock
        self.asked = 0
        self.closed = False

    async def start(self) -> None:
        self.asked += 1
        if self.fails:
            text = "GET /markets: no answer (TimeoutError)"
            raise WireError(self.fails.pop(0), text, clock=self.clock)

    async def close(self) -> None:
        self.closed = True


def engine(**venues: Venue) -> Any:
    return SimpleNamespace(venues=dict(venues), late={})


@pytest.mark.parametrize("kind", [ErrorKind.UNKNOWN, ErrorKind.UNAVAILABLE])
async def test_one_answer_that_is_lost_refuses_no_start(kind: ErrorKind) -> None:
    flaky, sound = Venue(kind), Venue()
    await LiveEngine.start(engine(alpha=flaky, beta=sound))
    assert (flaky.asked, sound.asked) == (2, 1)


@pytest.mark.parametrize(
    ("fails", "asked", "passes"),
    [
        ((ErrorKind.UNKNOWN, ErrorKind.UNAVAILABLE), 2, True),
        ((ErrorKind.AUTH,), 1, False),
        ((ErrorKind.REJECTED,), 1, False),
        ((ErrorKind.THROTTLED,), 1, True),
    ],
)
async def test_what_asking_again_would_not_mend_is_told_at_once(
    fails: tuple[ErrorKind, ...], asked: int, passes: bool
) -> None:
    venue = Venue(*fails)
    with pytest.raises(ProductError, match="venue alpha: GET /markets") as caught:
        await LiveEngine.start(engine(alpha=venue))
    assert venue.asked == asked
    # Nobody watches what is open meanwhile: the way out stands in the same line.
    assert ("stableconsole flatten --direct" in caught.value.text) is passes


@pytest.mark.parametrize("kind", [ErrorKind.THROTTLED, ErrorKind.DENIED])
async def test_a_venue_that_wants_to_be_left_alone_keeps_nobody_from_watching_the_others(
    kind: ErrorKind,
) -> None:
    """It has banned us, which an engine that dies and comes back again and again brings about by itself; the
    ban outlasts the start, and its end may be days away."""
    banned, sound = Venue(kind), Venue()
    started = engine(alpha=banned, beta=sound)
    await LiveEngine.start(started)
    assert (list(started.late), banned.asked, sound.asked) == (["alpha"], 1, 1)


async def test_a_key_that_is_refused_keeps_nobody_from_watching_the_others() -> None:
    """Keys expire overnight. The refused one is asked once, and hung up; two of them are told both."""
    refused, sound = Venue(ErrorKind.AUTH), Venue()
    started = engine(alpha=refused, beta=sound)
    await LiveEngine.start(started)
    assert (list(started.late), refused.asked, refused.closed, sound.closed) == (["alpha"], 1, True, False)
    assert isinstance(started.late["alpha"], Refused)
    with pytest.raises(ProductError, match=r"venue alpha: .*; venue beta: ") as caught:
        await LiveEngine.start(engine(alpha=Venue(ErrorKind.AUTH), beta=Venue(ErrorKind.AUTH)))
    assert caught.value.exit is Exit.FAILED
    with pytest.raises(ProductError, match=r"^venue beta: [^;]*; see: stableconsole doctor$"):
        await LiveEngine.start(engine(alpha=Venue(ErrorKind.THROTTLED), beta=Venue(ErrorKind.AUTH)))


async def test_a_time_stamp_that_is_refused_is_no_key_that_is() -> None:
    """The clock is measured anew, and the venue asked again."""
    off, sound = Venue(ErrorKind.AUTH, clock=True), Venue()
    started = engine(alpha=off, beta=sound)
    await LiveEngine.start(started)
    assert isinstance(started.late["alpha"], Silent)
    assert not off.closed


class Probe(SimpleNamespace):
    start = LiveEngine.start


class Profile(Struct):
    wires: dict[str, None]
    strategies: dict[str, None] = {}


async def test_a_direct_flatten_that_tries_again_later_tries_once_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead: Any = Venue(ErrorKind.UNAVAILABLE, ErrorKind.UNAVAILABLE)
    probe, none = Probe(venues={"alpha": dead}, close_venues=dead.close), cast(Any, None)
    monkeypatch.setattr(live_direct, "LiveEngine", lambda *_: probe)
    with pytest.raises(ProductError) as caught:
        await live_direct._reach(none, cast(Any, Profile({"alpha": None})), {}, none, "alpha")()
    assert (dead.asked, dead.closed) == (1, True)
    assert "flatten --direct" not in caught.value.text, "it is the one that says so"


async def test_a_direct_flatten_waits_for_no_second_try() -> None:
    dead, sound = Venue(ErrorKind.UNAVAILABLE), Venue()
    missing = await LiveEngine.start_reachable(engine(alpha=dead, beta=sound))
    assert (list(missing), dead.asked, dead.closed, sound.asked) == (["alpha"], 1, True, 1)
