"""The markets one can ask for by name: each is data, read by the generator. All of them are synthetic.

Offsets are seconds from the scenario's start; funding back-fill lies at negative offsets. Figures of the
depeg are the hourly closes and lows of March 2023 (USDC against USDT, thin venue), its lows cut off at
0.8700, where the deep venues bottomed.

`funding-harvest` starts at 13:50 UTC by intent. Its spread of 6 bps an hour stands for ten hours and then
turns to -3. A flipped pair is closed after two settlements of the slower leg, which settles every eight
hours at 00, 08 and 16: a start at midnight would reach the second one after 24 hours, while from 13:50 the
flip comes at 23:50, the two settlements at 00:00 and 08:00, and the pair is closed 18 h 11 min into the run.
The spread is paid on `beta`, which settles hourly, so that the entry window before the next settlement of the
leg with the larger receipt is open from the first second (13:50:00) to 13:58 and again from 14:00.
"""

from __future__ import annotations

from msgspec import Struct

from services.venues.sim.facts import NS

H = 3_600
"""Seconds an hour."""

EARLY = -31 * 24 * H
"""Before any back-fill."""
NEVER = 10**9
"""After any run."""


class FundingRegime(Struct, frozen=True, kw_only=True):
    """For a while `venue` pays a fixed spread over all others on these underlyings.

    Inside it every venue rests at +1.00 bps per 8 h and `venue` at that plus `spread` bps *per hour*.
    """

    underlyings: tuple[str, ...]
    venue: str
    begin_s: int
    end_s: int
    spread: float


class Stress(Struct, frozen=True, array_like=True):
    """From `begin_s` on: multiples of the calm spread, depth and coin noise."""

    begin_s: int
    spread: float
    depth: float
    noise: float


class Outage(Struct, frozen=True, array_like=True):
    """A venue cannot be reached from `begin_s` to `end_s`: no frames, nothing taken, answers held back."""

    venue: str
    begin_s: int
    end_s: int


class Deleveraging(Struct, frozen=True, array_like=True):
    """At `at_s` the venue takes `percent` of every position, as auto-deleveraging does."""

    venue: str
    at_s: int
    percent: int


class Scenario(Struct, frozen=True, kw_only=True):
    name: str
    text: str
    label: str = "SYNTHETIC"
    """What the screen says about it."""
    start: int
    step_ns: int = 2 * NS
    prices: dict[str, float]
    """USD at the start."""
    volatility: float = 0.5
    """Of the majors, a year."""
    coin_noise: float = 2.0
    """bps, standard deviation of a stablecoin around its path."""
    regimes: tuple[FundingRegime, ...] = ()
    paths: dict[str, tuple[tuple[int, float], ...]] = {}
    """Offset and level, joined by straight lines: USD for a coin, a factor on its walk for the others."""
    offsets: dict[str, tuple[tuple[int, float], ...]] = {}
    """By `UNDERLYING.venue`: offset and bps by which its prices and marks there stand off the index."""
    stress: tuple[Stress, ...] = (Stress(0, 1.0, 1.0, 1.0),)
    outages: tuple[Outage, ...] = ()
    deleveragings: tuple[Deleveraging, ...] = ()


MARCH_2023 = 1_677_628_800 * NS
"""2023-03-01 00:00:00 UTC."""
_MARCH_PRICES = {"BTC": 23_500.0, "ETH": 1_640.0}


def _spread(venue: str, *steps: tuple[int, int, float]) -> tuple[FundingRegime, ...]:
    return tuple(
        FundingRegime(underlyings=("BTC",), venue=venue, begin_s=begin, end_s=end, spread=spread)
        for begin, end, spread in steps
    )


_DEPEG_TABLE = (
    "10-20 0.9997/0.9997 10-22 0.9970/0.9970 11-00 0.9950/0.9960 11-01 0.9896/0.9896 11-02 0.9817/0.9913 "
    "11-03 0.9005/0.9511 11-04 0.8220/0.9565 11-06 0.9300/0.9750 11-07 0.8220/0.8800 11-08 0.8703/0.9107 "
    "11-10 0.9016/0.9137 11-13 0.8843/0.8929 11-14 0.8841/0.9110 11-17 0.9008/0.9346 11-20 0.9431/0.9670 "
    "11-23 0.9433/0.9637 12-03 0.9652/0.9712 12-07 0.9343/0.9358 12-10 0.9479/0.9526 12-16 0.9469/0.9472 "
    "12-20 0.9519/0.9568 12-22 0.9511/0.9729 13-00 0.9796/0.9855 13-03 0.9877/0.9885 13-14 0.9837/0.9869"
)
"""Day-hour low/close of the hour, UTC, March 2023."""

DEPEG_LOW = 0.8700


def depeg_path() -> tuple[tuple[int, float], ...]:
    """The hourly table as way points from 10 March 12:00: low at half past, close at the full hour."""
    points: list[tuple[int, float]] = [(0, 1.0), (8 * H, 0.9999)]
    fields = _DEPEG_TABLE.split()
    for stamp, levels in zip(fields[::2], fields[1::2], strict=True):
        day, hour = (int(part) for part in stamp.split("-"))
        low, close = (float(part) for part in levels.split("/"))
        begin = ((day - 10) * 24 + hour - 12) * H
        points.append((begin + H // 2, max(low, DEPEG_LOW)))
        points.append((begin + H, max(close, DEPEG_LOW)))
    points.append((points[-1][0] + 12 * H, 0.9985))
    return tuple(points)


def apart(*waves: tuple[int, float], last_min: int = 12) -> tuple[tuple[int, float], ...]:
    """A venue moves off by so many bps from each minute on, within ten seconds, and comes back after
    `last_min` minutes, within one."""
    points: list[tuple[int, float]] = [(0, 0.0)]
    for minute, bps in waves:
        begin, end = minute * 60, (minute + last_min) * 60
        points += [(begin, 0.0), (begin + 10, bps), (end, bps), (end + 60, 0.0)]
    return tuple(points)


def _crash(minute: int, fall: float, back: float) -> tuple[tuple[int, float], ...]:
    """Down by `fall` within four minutes of `minute`, `back` of it regained over the next twenty."""
    begin = minute * 60
    low = 1.0 - fall
    return (
        (0, 1.0),
        (begin, 1.0),
        (begin + 60, 1.0 - 0.3 * fall),
        (begin + 120, 1.0 - 0.8 * fall),
        (begin + 240, low),
        (begin + 360, low + 0.4 * back * fall),
        (begin + 1440, low + back * fall),
    )


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            name="calm",
            text="an ordinary market: funding rests at +1.00 bps per 8 h and rarely pays for four fees",
            start=MARCH_2023,
            prices=_MARCH_PRICES,
        ),
        Scenario(
            name="funding-harvest",
            text="beta pays 6 bps an hour over alpha on BTC for a day and ten hours, then 3 below",
            label="SYNTHETIC, generous",
            start=MARCH_2023 + (13 * H + 50 * 60) * NS,
            prices=_MARCH_PRICES,
            regimes=_spread("beta", (-24 * H, 10 * H, 6.0), (10 * H, NEVER, -3.0)),
        ),
        Scenario(
            name="funding-flip",
            text="a rich BTC spread on beta turns against its holder two hours after the start",
            label="SYNTHETIC, generous",
            start=MARCH_2023 + (13 * H + 50 * 60) * NS,
            prices=_MARCH_PRICES,
            regimes=_spread("beta", (-24 * H, 2 * H, 6.0), (2 * H, NEVER, -6.0)),
        ),
        Scenario(
            name="outage",
            text="a rich BTC spread, and beta cannot be reached from the 30th to the 42nd minute",
            label="SYNTHETIC, generous",
            start=MARCH_2023 + (13 * H + 50 * 60) * NS,
            prices=_MARCH_PRICES,
            regimes=_spread("beta", (-24 * H, NEVER, 6.0)),
            outages=(Outage("beta", 30 * 60, 42 * 60),),
        ),
        Scenario(
            name="adl",
            text="a rich BTC spread, and alpha deleverages half of every position after an hour",
            label="SYNTHETIC, generous",
            start=MARCH_2023 + (13 * H + 50 * 60) * NS,
            prices=_MARCH_PRICES,
            regimes=_spread("beta", (-24 * H, NEVER, 6.0)),
            deleveragings=(Deleveraging("alpha", H, 50),),
        ),
        Scenario(
            name="usdc-depeg-2023",
            text="USDC loses its peg from the evening of 10 March 2023 and comes back by the 14th",
            start=MARCH_2023 + (9 * 24 + 12) * H * NS,
            prices={"BTC": 20_000.0, "ETH": 1_420.0},
            paths={"USDC": depeg_path()},
            stress=(
                Stress(0, 1.0, 1.0, 1.0),
                Stress(8 * H, 2.0, 0.7, 3.0),
                Stress(13 * H, 4.0, 0.3, 10.0),
                Stress(36 * H, 3.0, 0.5, 6.0),
                Stress(61 * H, 1.5, 0.8, 3.0),
            ),
        ),
        Scenario(
            name="flash-crash",
            text="BTC and ETH lose 15 % within four minutes and regain most of it in twenty",
            start=MARCH_2023,
            step_ns=NS,
            prices=_MARCH_PRICES,
            paths={"BTC": _crash(30, 0.15, 0.6), "ETH": _crash(30, 0.15, 0.6)},
            stress=(
                Stress(0, 1.0, 1.0, 1.0),
                Stress(30 * 60, 6.0, 0.2, 3.0),
                Stress(36 * 60, 3.0, 0.5, 2.0),
                Stress(60 * 60, 1.0, 1.0, 1.0),
            ),
        ),
        Scenario(
            name="dislocation",
            text="twelve minutes each: BTC on beta stands 60 bps above alpha, 60 below, USDC 35 above",
            label="SYNTHETIC, generous",
            start=MARCH_2023 + (13 * H + 10 * 60) * NS,
            prices=_MARCH_PRICES,
            offsets={"BTC.beta": apart((5, 60.0), (25, -60.0)), "USDC.beta": apart((42, 35.0))},
        ),
    )
}
DEFAULT_SCENARIO = "funding-harvest"


def scenario(name: str) -> Scenario:
    """Raises ValueError that lists the names."""
    found = SCENARIOS.get(name)
    if found is None:
        raise ValueError(f"no scenario {name!r}; there are {', '.join(sorted(SCENARIOS))}")
    return found
