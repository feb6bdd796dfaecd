"""A start at which one venue refuses us: the others are watched all the same, and that one is left alone.

Keys expire overnight, and a service manager starts again what has died.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.domain.enums import TradingState
from services.domain.instrument import Instrument
from services.drive.live import LiveMachine
from services.drive.standing import SessionNote
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.live import KEY_RIGHTS, Capabilities, Finding, VenueHealth, Verdict
from services.venues.sim.facts import venue_instruments
from services.venues.wire.errors import ErrorKind, WireError
from services.workers.doctor import row
from services.workers.late import LateVenue
from services.workers.live_engine import LiveEngine

CAN = Capabilities(
    orders=True, conditional=True, dead_man=True, conditional_survives_dead_man=True,
    funding_price="mark", history=True,
)  # fmt: skip
WITHDRAWS = row("beta", KEY_RIGHTS, Verdict.STOP, "the key can withdraw", "make another")
HEDGE_MODE = row("beta", "position mode", Verdict.STOP, "hedge mode", "set one-way mode")
REFUSED_KEY = WireError(ErrorKind.AUTH, "GET /account: Not logged in")


class Fake:
    """A venue that notes what it is asked; `starts`, `looks`: how it fails."""

    capabilities = CAN

    def __init__(
        self, name: str, *found: Finding, starts: Exception | None = None, looks: Exception | None = None,
        off_ms: int = 0,
    ) -> None:  # fmt: skip
        self.name = name
        self.found = found
        self.starts = starts
        self.looks = looks
        self.off_ms = off_ms
        self.asked: list[str] = []
        self.closed = 0

    async def start(self) -> None:
        if self.starts is not None:
            raise self.starts

    async def close(self) -> None:
        self.closed += 1

    async def examine(self) -> tuple[Finding, ...]:
        if self.looks is not None:
            raise self.looks
        return self.found

    def instruments(self) -> tuple[Instrument, ...]:
        return venue_instruments(self.name, 0)

    def reserve(self, share: float) -> None:
        """Nothing leaves by it."""

    def health(self) -> VenueHealth:
        return VenueHealth(
            connected=True, data_age_ms=1, latency_ms_p50=None, latency_ms_p95=None,
            clock_offset_ms=self.off_ms, budget={}, reconnects=0,
        )  # fmt: skip

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self.asked.append(request)

    def __getattr__(self, name: str) -> Any:
        if name not in ("submit", "cancel", "query", "dead_man"):
            raise AttributeError(name)
        return lambda *_: self.asked.append(name)


def wires(*symbols: str) -> dict[str, VenueWire]:
    return {name: VenueWire(kind="ftx", key=f"{name}'s", symbols=symbols) for name in ("alpha", "beta")}


def an_engine(folder: Path, alpha: Fake, beta: Fake, mode: str = "sim", *symbols: str) -> LiveEngine:
    return LiveEngine(
        StateLayout(folder),
        Settings(profile="sock", mode=mode, venues=("alpha", "beta"), strategies={}, wires=wires(*symbols)),
        "test",
        {},
        Redactor(),
        build=lambda *_: {"alpha": alpha, "beta": beta},  # type: ignore[dict-item]
    )


async def opened(folder: Path, alpha: Fake, beta: Fake, mode: str = "sim", *symbols: str) -> LiveEngine:
    engine = an_engine(folder, alpha, beta, mode, *symbols)
    await engine.start()
    await engine.examine()
    engine.open(SessionNote(pid="1", speed="1", state_dir=str(folder)))
    return engine


def turn(engine: LiveEngine, machine: LiveMachine) -> None:
    while (due := engine.session.queue.next_due()) is not None and due <= engine.session.queue.now:
        machine.step()


REFUSALS = [
    pytest.param({"starts": REFUSED_KEY}, (), "sim", "GET /account: Not logged in", id="key"),
    pytest.param({"looks": REFUSED_KEY}, (), "sim", "GET /account: Not logged in", id="key at the look"),
    pytest.param({}, (WITHDRAWS,), "sim", "key rights: the key can withdraw (make another)", id="withdraws"),
    pytest.param({}, (HEDGE_MODE,), "live", "position mode: hedge mode (set one-way mode)", id="mode"),
]


@pytest.mark.parametrize(("fails", "found", "mode", "why"), REFUSALS)
async def test_a_venue_that_refuses_a_start_is_held_from_the_journal_told_and_never_asked(
    fails: dict[str, Exception], found: tuple[Finding, ...], mode: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(ProductError) as first:
        await opened(tmp_path, Fake("alpha"), Fake("beta", *found, **fails), mode)  # type: ignore[arg-type]
    assert why.partition(" (")[0] in first.value.text, (
        "nothing is known of it: which instruments, what is open"
    )
    assert first.value.exit == (Exit.USAGE if found else Exit.FAILED)
    assert (await opened(tmp_path, Fake("alpha"), Fake("beta"), mode)).session.close()

    alpha, beta = Fake("alpha"), Fake("beta", *found, **fails)  # type: ignore[arg-type]
    engine = await opened(tmp_path, alpha, beta, mode)
    assert isinstance(engine.venues["beta"], LateVenue)
    assert beta.closed == 1, "nothing of it stays open"
    machine, core = engine.machine(lambda _: None), engine.session.desk.core
    engine.session.first_events()
    turn(engine, machine)
    assert alpha.asked != [], "the other is read"
    (cause,) = [each for each in core.causes.causes() if each.name == "venue refused"]
    assert (cause.scope, cause.state) == ("venue:beta", TradingState.REDUCING)
    assert cause.text == f"beta is not used: {why}; set it right, then restart"
    assert not any(each.name == "venue down" for each in core.causes.causes())
    assert {spec.id for spec in beta.instruments()} <= core.instruments.keys()
    await engine.close_venues()
    assert (beta.asked, beta.closed) == ([], 1)
    assert engine.session.close()


async def test_where_no_venue_is_left_the_start_ends_and_names_what_each_refuses(tmp_path: Path) -> None:
    wrong = row("alpha", KEY_RIGHTS, Verdict.STOP, "the key can withdraw")
    engine = an_engine(tmp_path, Fake("alpha", wrong), Fake("beta", WITHDRAWS))
    await engine.start()
    with pytest.raises(
        ProductError, match=r"doctor: alpha: key rights: .*; doctor: beta: key rights: "
    ) as no:
        await engine.examine()
    assert no.value.exit is Exit.USAGE
    assert engine.session.close()


async def test_a_clock_that_is_off_at_one_venue_of_a_live_start_is_waited_for(tmp_path: Path) -> None:
    """It is connected, and asked again; both of them are this machine's clock, which ends the start."""
    assert (await opened(tmp_path, Fake("alpha"), Fake("beta"), "live")).session.close()
    off = Fake("beta", off_ms=5_000)
    engine = await opened(tmp_path, Fake("alpha"), off, "live")
    place: Any = engine.venues["beta"]
    place.read_account(0, "beta-1", 0)
    await place.close()
    assert off.asked == [], "not before the doctor's word"
    off.off_ms = 0
    place.read_account(0, "beta-2", 0)
    await place._work.finish(1)
    assert engine.venues["beta"] is off  # type: ignore[comparison-overlap]
    assert engine.session.close()
    both = an_engine(tmp_path, Fake("alpha", off_ms=5_000), Fake("beta", off_ms=5_000), "live")
    await both.start()
    with pytest.raises(ProductError, match=r"doctor: alpha: clock: .*flatten --direct") as no:
        await both.examine()
    assert no.value.exit is Exit.USAGE
    assert both.session.close()


@pytest.mark.parametrize("error", [WireError(ErrorKind.REJECTED, "lists no X-PERP"), ValueError("no number")])
async def test_what_the_venue_has_changed_overnight_ends_no_start_and_a_slip_of_the_pen_does(
    error: Exception, tmp_path: Path
) -> None:
    """A market that was delisted while nobody ran left everything unwatched. It may be listed again: the
    venue is asked again; the profile that names what was never there ends the start as ever."""
    old, new = ("BTC-PERP",), ("BTC-PERP", "X-PREP")
    with pytest.raises(ProductError, match=str(error)):
        await opened(tmp_path, Fake("alpha"), Fake("beta", starts=error), "sim", *old)
    assert (await opened(tmp_path, Fake("alpha"), Fake("beta"), "sim", *old)).session.close()
    with pytest.raises(ProductError, match=str(error)):
        await opened(tmp_path, Fake("alpha"), Fake("beta", starts=error), "sim", *new)
    beta = Fake("beta", starts=error)
    engine = await opened(tmp_path, Fake("alpha"), beta, "sim", *old)
    machine, core = engine.machine(lambda _: None), engine.session.desk.core
    engine.session.first_events()
    turn(engine, machine)
    assert core.barred("beta") == f"beta is not used: {error}; set it right, then restart"
    beta.starts = None
    place: Any = engine.venues["beta"]
    place.read_account(0, "beta-2", 0)
    await place._work.finish(1)
    assert engine.venues["beta"] is beta  # type: ignore[comparison-overlap]
    assert engine.session.close()
