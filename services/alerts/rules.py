"""What each kind of alert means: severity, why it matters, what to do. One table, shown in the drawer.

A key is `RULE` or `RULE:SUBJECT` (`stale data:alpha`); its leading words pick the row. Severities: alarm
pages, warning is looked at today, info is history. A cause of the trading state has the rule of its name.
"""

from __future__ import annotations

from msgspec.structs import replace

from services.alerts.machine_rules import MACHINE
from services.alerts.pair_rules import PAIRS
from services.alerts.rule import ALARM, INFO, WARNING, Rule

RULES: dict[str, Rule] = {
    # -- trading state
    "halt": Rule(
        ALARM,
        "The desk was halted: nothing that increases a position is sent; stops and unwinding go on.",
        "R and a reason, when you know why it was halted",
    ),
    "flatten": Rule(
        ALARM,
        "A flatten halted its scope and closes what is open there.",
        "once it is proven flat: R and a reason",
    ),
    "flatten left": Rule(
        ALARM,
        "A flatten ended with something still open: dust, a refusal, or no progress for 60 s.",
        "read the list and flatten again; a ticket closes what no pair holds",
    ),
    "latch": Rule(
        ALARM,
        "The latch file could not be written: a halt would not survive a restart of the engine.",
        "check disk and permissions of the state folder; stay halted until it works",
    ),
    "strategy overrun": Rule(
        ALARM,
        "A strategy took too long for one decision and was dropped with its orders.",
        "look at its last decision; enable NAME REASON when it is understood",
    ),
    "no edge": Rule(
        WARNING,
        "The strategy's closed trades show no edge after costs: it is stopped, positions keep their exits.",
        "review its trades; enable NAME REASON starts a new sample",
    ),
    "throttle": Rule(
        ALARM,
        "An origin repeated the same entry too often and was disabled.",
        "find out why it repeats; enable NAME REASON",
    ),
    # -- losses
    "breaker daily": Rule(
        ALARM,
        "The day's loss reached its limit; trading is halted and stays so over restarts.",
        'review; resume REASON --rebase daily, or --override "breaker daily"',
    ),
    "breaker rolling": Rule(
        ALARM,
        "The loss over 24 hours reached its limit; trading is halted.",
        'review; resume REASON --rebase daily, or --override "breaker rolling"',
    ),
    "breaker drawdown": Rule(
        ALARM,
        "The loss from the highest unit value reached its limit; trading is halted.",
        'review; resume REASON --rebase drawdown, or --override "breaker drawdown"',
    ),
    "breaker unknown equity": Rule(
        ALARM,
        "Equity is unknown or gone: losses cannot be watched.",
        "see which balance, mark or index is missing; reconcile",
    ),
    "loss warning": Rule(
        WARNING,
        "A loss limit is half or more used up.",
        "decide now what to close; at the limit the desk halts by itself",
    ),
    "losing streak": Rule(
        ALARM,
        "Many losses in a row: the market is not what the strategy expects.",
        "review its trades before enabling it again",
    ),
    "rejects": Rule(
        ALARM,
        "The venue refuses our orders; entries there are stopped.",
        "read the reject reasons in Orders; resume when they are understood",
    ),
    "circle": Rule(
        ALARM,
        "One turn of the desk asked for more orders than it ever should: no more were placed in it.",
        "read Journal for what repeats; resume REASON only when it is understood",
    ),
    "strategy dropped": Rule(
        ALARM,
        "A strategy failed in a decision and was dropped with its orders; positions keep their protection.",
        "look at its last decision in Journal; enable NAME REASON when it is understood",
    ),
    "minimum equity": Rule(
        WARNING,
        "Equity is under the least with which positions of a sensible size can be opened.",
        "add collateral; what is open keeps its exits",
    ),
    "loop stall": Rule(
        ALARM,
        "The engine's loop stood still: protective orders would have been late.",
        "look at the machine's load and disk; resume REASON",
    ),
    "fault": Rule(
        WARNING,
        "The simulated exchange was told to misbehave: what follows is made, not met.",
        ":fault KIND VENUE 0 ends it",
    ),
    # -- margin and coins
    "margin ladder": Rule(
        ALARM,
        "Margin usage of an account is high; from 0.60 on only reducing, from 0.80 on pairs are cut.",
        "transfer collateral to the account or close positions there",
    ),
    "margin call": Rule(
        ALARM,
        "The venue says that it will liquidate, or does, by its own figures: no new risk on that account.",
        "bring collateral to the account or close positions there; it clears when usage is low again",
    ),
    "margin usage": Rule(
        WARNING,
        "Half of an account's margin is used: no new risk there, and from 0.60 on it only reduces.",
        "make the transfer that is named, yourself; nothing is moved by this program",
    ),
    "liquidation distance": Rule(
        WARNING,
        "A uniform adverse move smaller than the limit would liquidate the account.",
        "add collateral or close positions on that account",
    ),
    "liquidation unknown": Rule(
        WARNING,
        "An account that holds something cannot be valued: how far its liquidation is, nobody knows.",
        "see Health for what is stale or missing; it clears when the data are back",
    ),
    "venue share": Rule(
        WARNING,
        "Much of the equity lies on one venue; its failure would take it.",
        "move collateral to the other venue",
    ),
    "liquidation": Rule(
        ALARM,
        "The venue liquidated a position of ours.",
        "flatten what is left of its pair; add collateral; find out why the ladder did not act in time",
    ),
    "negative balance": Rule(
        WARNING,
        "A coin balance is negative and near the venue's automatic, costly conversion.",
        "convert into that coin now",
    ),
    "rebalance": Rule(
        WARNING,
        "A coin runs low on one of the venues that trade against each other: no entry that needs it.",
        "make the transfer that is named, yourself; nothing is moved by this program",
    ),
    "depeg warn": Rule(
        WARNING,
        "A stablecoin stands off its dollar.",
        "watch it; entries in it are blocked from 100 bps on",
    ),
    "depeg block": Rule(
        ALARM,
        "A stablecoin stands far off its dollar, or has no price: entries that touch it are blocked.",
        "look at your exposure to the coin in Risk; nothing is sold by itself",
    ),
    "depeg unknown": Rule(
        WARNING,
        "A stablecoin has no fresh, two-sided dollar quote: unknown blocks its entries like a depeg.",
        "check the venues' data in Health; it clears when a source is back",
    ),
    "depeg reduce": Rule(
        ALARM,
        "A stablecoin is 300 bps or more off its dollar: accounts exposed to it only reduce.",
        "look at the exposure in Risk and decide on exits by hand",
    ),
    "depeg": Rule(
        ALARM,
        "A stablecoin is 300 bps or more off its dollar: exposed accounts only reduce.",
        'decide on exits by hand; resume REASON --override "depeg COIN" when you accept it',
    ),
    # -- pairs and positions
    **PAIRS,
    "no stop": Rule(
        ALARM,
        "An unpaired position has no stop, local or resting.",
        "close it by ticket or flatten its symbol",
    ),
    "backstop": Rule(
        ALARM,
        "The venue took no backstop for a position: only the local stop protects it while this desk lives.",
        "read the reason; it is tried again; close the position if you cannot watch it",
    ),
    "stop": Rule(
        ALARM,
        "A stop has triggered and does not fill: the position stands beyond its level.",
        "look at the book; it goes on in the widest band; F closes it with the rest",
    ),
    "delisting": Rule(
        WARNING,
        "The venue takes the instrument off its list, or has closed it: nothing new is risked there.",
        "see what is held there; pairs leave by their policy while the venue still trades it",
    ),
    "foreign": Rule(
        WARNING,
        "An order or position that is not ours is at the venue: shown, counted in limits, never managed.",
        "cancel or close it where it was made, or flatten the symbol",
    ),
    "foreign orders": Rule(
        WARNING,
        "Working orders that are not ours are at the venue: counted in the gate's worst case, never managed.",
        "cancel them where they were made; flatten cancels those that could increase a position",
    ),
    "deleveraged": Rule(
        WARNING,
        "The venue's auto-deleveraging took from a position that belongs to no pair.",
        "look at what is left of it; the venue's insurance fund has run dry",
    ),
    "impossible transition": Rule(
        WARNING,
        "The venue reported something about an order that its state does not allow.",
        "compare the order with the venue; reconcile",
    ),
    # -- data and venues
    "start": Rule(
        INFO,
        "A venue has not been read since the start: nothing is opened before books and venue agree.",
        "wait for the first read",
    ),
    "stale data": Rule(
        WARNING,
        "Figures are older than allowed: no new risk, and losses cannot be judged.",
        "check the venue's connection in Health; it clears by itself",
    ),
    "venue down": Rule(
        WARNING,
        "The connection to a venue is lost: its orders and positions are out of sight.",
        "check the venue's own site; flatten --direct works without the engine",
    ),
    "venue refused": Rule(
        ALARM,
        "A venue refuses our key, or the doctor the venue: what is open there is unseen, nothing new risked.",
        "stableconsole doctor tells each row; until the restart see to what is open at the venue's own site",
    ),
    "withdrawals": Rule(
        ALARM,
        "A venue does not pay out: what lies there cannot be brought to safety. No new risk there.",
        "find out why at the venue; positions stay until you decide",
    ),
    "venue errors": Rule(
        WARNING,
        "Many requests to the venue fail: no new risk there.",
        "see its status page; it clears by itself",
    ),
    "dead man": Rule(
        WARNING,
        "A venue's dead-man's switch cannot be set: resting orders would outlive a crash of this desk.",
        "check the venue in Health; it is tried at every beat",
    ),
    "dead man late": Rule(
        WARNING,
        "The dead-man's switch is not beaten because the data are stale: it will cancel our resting orders.",
        "nothing: it is meant to; look at why the venue is silent",
    ),
    "dead man fired": Rule(
        ALARM,
        "The venue's dead-man's switch fired: it canceled our resting orders because we did not beat it.",
        "find out why it was not beaten; positions and backstops stand as they were",
    ),
    "clock": Rule(
        WARNING,
        "Our clock and the venue's are apart: requests may be refused, entries are blocked from 1 s on.",
        "start time synchronisation on this machine",
    ),
    "interval unknown": Rule(
        WARNING,
        "The funding interval or next settlement of an instrument is unknown: no entry in it.",
        "see the venue's announcement; positions are held",
    ),
    "missed settlement": Rule(
        WARNING,
        "A funding payment expected 10 min ago has no row at the venue; it stays an estimate.",
        "compare with the venue's funding history",
    ),
    "figures differ": Rule(
        WARNING,
        "Our books and the venue's own figures of profit or funding do not agree.",
        "compare the figures with the venue's history; it goes when the next ones agree",
    ),
    "no trade": Rule(
        WARNING,
        "For an hour entries have passed the gate and none has filled: the rules would trade and cannot.",
        "look at the quotes in Orders and at the book in Markets; it goes with the next fill",
    ),
    **MACHINE,
}
"""By rule name."""

UNLISTED = Rule(WARNING, "No further explanation is known for this alert.", "look at Journal for its causes")


def rule_for(key: str) -> Rule:
    """The row of a key, found by its longest leading words (`depeg USDC` falls back to `depeg`); a key
    without a row is a warning, never silence. What is to be typed names the key's coin and strategy."""
    whole, _, scope = key.partition(":")
    name = whole
    while name:
        rule = RULES.get(name)
        if rule is not None:
            return _named(rule, whole.removeprefix(name).strip(), scope.rpartition(":")[2])
        name = name.rpartition(" ")[0]
    return UNLISTED


def _named(rule: Rule, coin: str, strategy: str) -> Rule:
    do = rule.do
    if coin:
        do = do.replace("depeg COIN", f"depeg {coin}")
    if strategy:
        do = do.replace("enable NAME", f"enable {strategy}")
    return rule if do == rule.do else replace(rule, do=do)
