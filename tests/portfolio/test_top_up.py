"""The transfer that takes an account back from its margin limit, reckoned by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.portfolio.inputs import AccountInput
from services.portfolio.margin import Margin, account_margin
from services.portfolio.top_up import TopUp, needed

D = Decimal
LIMIT = D("0.5")


def book(venue: str, **balances: str) -> AccountInput:
    """USDT is worth 0.9 USD here and weighs 0.95 (0.855 USD a unit), USD weighs 1."""
    return AccountInput(
        venue=venue,
        balances={coin: D(amount) for coin, amount in balances.items()},
        weights_total={"USD": D(1), "USDT": D("0.95")},
        weights_initial={},
        indexes={"USD": D(1), "USDT": D("0.9")},
        positions=(),
    )


def margin(collateral: str | None, maintenance: str | None) -> Margin:
    known = {"collateral": collateral, "maintenance": maintenance}
    figures = {name: None if text is None else D(text) for name, text in known.items()}
    empty = account_margin(book("x"))
    fields = {name: getattr(empty, name) for name in empty.__struct_fields__}
    return Margin(**{**fields, **figures})


def asked(
    losing: Margin, other: Margin, other_book: AccountInput | None = None, third: Margin | None = None
) -> TopUp | None:
    books = {"alpha": book("alpha"), "beta": other_book or book("beta", USD="20000", USDT="30000")}
    margins = {"alpha": losing, "beta": other}
    if third is not None:
        books["gamma"], margins["gamma"] = book("gamma", USD="90000"), third
    return needed("alpha", books, margins, LIMIT)


def test_the_other_account_gives_the_coin_it_has_most_of_and_both_stand_at_four_fifths() -> None:
    """600 of 1 000 used: 1 500 make it 0.40, so 500 are missing; 584.8 USDT at 0.855."""
    assert asked(margin("1000", "600"), margin("40000", "100")) == TopUp(
        D(590), "USDT", "beta", "alpha", True
    )


def test_what_the_other_cannot_spare_stays_there_and_is_said() -> None:
    """40 of 300 used: 100 make it 0.40, so 200 are to spare; 233.9 USDT."""
    assert asked(margin("1000", "600"), margin("300", "40")) == TopUp(D(240), "USDT", "beta", "alpha", False)


def test_the_account_with_most_to_give_is_asked_and_never_for_more_than_it_has() -> None:
    found = asked(margin("1000", "600"), margin("300", "40"), third=margin("9000", "0"))
    assert found == TopUp(D(500), "USD", "gamma", "alpha", True)
    few = book("beta", USD="455", USDT="-3")
    assert asked(margin("1000", "600"), margin("9000", "0"), few) == TopUp(
        D(455), "USD", "beta", "alpha", False
    )


@pytest.mark.parametrize(
    "other", [margin("100", "60"), margin("100", "40"), margin(None, "1"), margin("9", None)]
)
def test_where_nobody_can_spare_anything_it_comes_from_outside(other: Margin) -> None:
    assert asked(margin("1000", "600"), other) == TopUp(D(500), "", "", "alpha", True)
    assert asked(margin("-40", "600"), other) == TopUp(D(1600), "", "", "alpha", True)


@pytest.mark.parametrize(
    "losing", [margin("1000", "400"), margin("1000", "399"), margin(None, "9"), margin("9", None)]
)
def test_nothing_is_said_where_nothing_is_missing_or_known(losing: Margin) -> None:
    assert asked(losing, margin("40000", "100")) is None


def test_no_transfer_brings_an_account_under_a_limit_of_nothing() -> None:
    books = {"alpha": book("alpha"), "beta": book("beta", USD="20000")}
    margins = {"alpha": margin("1000", "600"), "beta": margin("40000", "100")}
    assert needed("alpha", books, margins, D(0)) is None


def test_less_than_a_dollar_is_asked_for_and_given_too() -> None:
    little = margin("1249.50", "500")
    assert asked(little, margin("40000", "100")) == TopUp(D("0.59"), "USDT", "beta", "alpha", True)
    assert asked(little, margin("100.25", "40")) == TopUp(D("0.30"), "USDT", "beta", "alpha", False)


def test_the_coin_it_has_most_of_is_told_by_its_worth() -> None:
    """21 000 USDT are 17 955 USD of collateral: less than 20 000 USD."""
    many = book("beta", USD="20000", USDT="21000")
    assert asked(margin("1000", "600"), margin("40000", "100"), many) == TopUp(
        D(500), "USD", "beta", "alpha", True
    )


def test_what_is_to_give_is_bound_by_the_worth_of_the_coin_and_just_enough_is_whole() -> None:
    """600 USDT are worth 513 USD, 584 are 499.32."""
    losing, other = margin("1000", "600"), margin("40000", "100")
    assert asked(losing, other, book("beta", USDT="584")) == TopUp(D(584), "USDT", "beta", "alpha", False)
    assert asked(losing, other, book("beta", USD="500")) == TopUp(D(500), "USD", "beta", "alpha", True)


def test_of_two_that_give_alike_the_first_is_asked_and_one_without_a_coin_or_a_margin_is_not() -> None:
    books = {name: book(name, USD="700") for name in ("alpha", "beta", "gamma")}
    well = margin("9000", "0")
    margins = {"alpha": margin("1000", "600"), "beta": well, "gamma": well}
    assert needed("alpha", books, margins, LIMIT) == TopUp(D(500), "USD", "beta", "alpha", True)
    books["beta"] = book("beta")
    assert needed("alpha", books, margins, LIMIT) == TopUp(D(500), "USD", "gamma", "alpha", True)
    del margins["gamma"]
    assert needed("alpha", books, margins, LIMIT) == TopUp(D(500), "", "", "alpha", True)
    assert needed("delta", books, margins, LIMIT) is None


@pytest.mark.parametrize(("coin", "amount"), [("USDX", "90000"), ("USDT", "NaN")])
def test_a_coin_without_a_price_or_a_figure_is_not_named(coin: str, amount: str) -> None:
    odd = book("beta", **{coin: amount, "USD": "700"})
    found = asked(margin("1000", "600"), margin("9000", "0"), odd)
    assert found == TopUp(D(500), "USD", "beta", "alpha", True)
