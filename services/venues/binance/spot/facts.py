"""What is learnt of spot and of the account before anything is traded; any doubt keeps it read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from services.domain.instrument import Instrument
from services.venues.binance.parse import OPEN, ParseError
from services.venues.binance.spot import schemas as spot
from services.venues.binance.spot.api import SpotApi
from services.venues.binance.spot.filters import SpotFilters, spot_filters_of
from services.venues.binance.spot.parse import fees_of, instrument_of
from services.venues.live import KEY_RIGHTS, Finding, Verdict, key_rights
from services.venues.relisting import Missing
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber


class SpotFacts(Struct, kw_only=True):
    instruments: dict[str, Instrument]
    filters: dict[str, SpotFilters]
    account: spot.Account | None = None
    """None = no key."""
    rates: spot.Rates | None = None
    """The account's fees; None = unknown."""
    reasons: tuple[str, ...] = ()
    """Why nothing that adds risk is sent; empty = all is as required."""


async def learn(
    venue: str, api: SpotApi, symbols: tuple[str, ...], *, keyed: bool, say: Callable[[str], None]
) -> SpotFacts:
    """Raises WireError, BadNumber."""
    info = await api.exchange_info(symbols)
    listed = {row.symbol: row for row in info.symbols if row.symbol in symbols}
    missing = [name for name in symbols if name not in listed]
    if missing:
        whys = [f"{name} ({info.unread[name]})" if name in info.unread else name for name in missing]
        raise WireError(ErrorKind.REJECTED, f"{venue} lists no symbol {', '.join(whys)}")
    account = await api.account() if keyed else None
    rates = None if account is None else account.commissionRates
    facts = SpotFacts(instruments={}, filters={}, account=account, rates=rates)
    for name in symbols:
        try:
            facts.instruments[name] = instrument_of(venue, listed[name], rates)
        except ParseError as error:
            say(f"left out: {error}")
            continue
        facts.filters[name] = spot_filters_of(listed[name])
    if not facts.instruments:
        raise WireError(ErrorKind.REJECTED, f"{venue}: none of {', '.join(symbols)} can be used")
    if account is not None:
        facts.reasons = reasons(account)
    return facts


async def terms(api: SpotApi, facts: SpotFacts, say: Callable[[str], None]) -> tuple[str, ...]:
    """The account's rights and fees anew, into `facts`; what keeps it from trading now. Raises WireError."""
    facts.account = account = await api.account()
    facts.rates = account.commissionRates
    try:
        fees_of(facts.rates, "account")
    except (ParseError, BadNumber) as error:
        # Unknown, and no reason to take the markets for closed.
        say(f"no new risk: {error}")
        facts.rates = None
    return reasons(account)


def present(
    venue: str,
    facts: SpotFacts,
    rows: Iterable[spot.Symbol],
    unread: Mapping[str, str],
    say: Callable[[str], None],
) -> dict[str, Instrument | Missing]:
    """As a later list has them, by the fees of `facts`; see `binance.facts.present`."""
    found: dict[str, Instrument | Missing] = dict.fromkeys(facts.instruments, Missing.ABSENT)
    for name in found:
        # A row that does not even tell its name may be anybody's.
        if (why := unread.get(name, unread.get(""))) is not None:
            found[name] = Missing.UNCLEAR
            say(f"no new risk: {name}: {why}")
    for row in rows:
        if row.symbol not in found:
            continue
        if row.status != OPEN or not row.isSpotTradingAllowed:
            found[row.symbol] = Missing.CLOSED
            continue
        try:
            found[row.symbol] = instrument_of(venue, row, facts.rates)
            facts.filters[row.symbol] = spot_filters_of(row)
        except (ParseError, BadNumber) as error:
            say(f"no new risk: {error}")
            found[row.symbol] = Missing.UNCLEAR
    return found


def reasons(account: spot.Account) -> tuple[str, ...]:
    """What keeps the account from trading, each with its remedy. Pure."""
    out = []
    if not account.canTrade:
        out.append("the key may not trade: give it the spot permission, and no other")
    if account.accountType != "SPOT":
        out.append(f"a {account.accountType} account: use the key of a spot account")
    return tuple(out)


def findings(venue: str, facts: SpotFacts, withdraws: bool | None) -> tuple[Finding, ...]:
    """What `doctor` shows. `withdraws`: of the key, as the wallet service tells. `canWithdraw` is the
    account's; where nobody tells of the key it clears it if it is false."""

    def row(check: str, verdict: Verdict, text: str, remedy: str = "") -> Finding:
        return Finding(subject=venue, check=check, verdict=verdict, text=text, remedy=remedy)

    if facts.account is None:
        return (row(KEY_RIGHTS, Verdict.WARN, "no key: market data only"),)
    wrong = [why.partition(": ") for why in facts.reasons]
    return (
        key_rights(venue, withdraws or (False if facts.account.canWithdraw is False else withdraws)),
        *(row("account mode", Verdict.STOP, head, rest) for head, _, rest in wrong),
        *(() if wrong else (row("account mode", Verdict.OK, "spot: coins, no positions, nothing lent"),)),
    )
