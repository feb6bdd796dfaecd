"""The questions of `config init`: a few that matter, each with a safe answer that a bare `enter` takes.

An answer is checked as the file will be. One that loosens a limit past its default is taken only when it is
given twice. Nothing is written before the last question is answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.settings.catalog import get_value, is_loosening, set_value
from services.settings.errors import SettingsError
from services.settings.parameters import Settings
from themes.palette import CYCLE

Ask = Callable[[str], str]
"""Shows a question and gives the line that was typed; EOFError when there is no more."""

_TRIES = 5
_FIRST_WORD = re.compile(r"\S+")


def answers(ask: Ask, tell: Callable[[str], None]) -> dict[str, str]:
    """Key to the text of its value as TOML. Raises ProductError when nothing sensible comes."""
    tell("A few questions; enter takes the answer in brackets. All can be changed later.")
    settings = Settings()
    found: dict[str, str] = {}
    for key, question in (
        ("gate.max_order_notional", "The largest single order, in USD"),
        ("gate.portfolio_leverage", "The largest leverage of the whole account"),
        ("funding_arb.min_spread", "The smallest funding spread to trade, with its unit"),
    ):
        found[key] = _figure(settings, key, question, ask, tell)
    themes = ("auto", *CYCLE)
    found["ui.theme"] = _quoted(_one_of("Theme", themes, "auto", ask, tell))
    bell = _one_of("Ring the terminal's bell for a new alarm", ("no", "yes"), "no", ask, tell)
    found["ui.bell"] = "true" if bell == "yes" else "false"
    return found


def written(sample: str, found: dict[str, str]) -> str:
    """The sample file with the answers in it."""
    for key, value in found.items():
        name = key.rpartition(".")[2]
        line = re.compile(rf"^{name} = .*$", re.MULTILINE)
        if not line.search(sample):
            raise AssertionError(f"the sample has no line for {key}")
        sample = line.sub(f"{name} = {value}", sample, count=1)
    return sample


def terminal_ask(question: str) -> str:
    """On the terminal. Raises UsageError where there is none."""
    import sys

    if not sys.stdin.isatty():
        raise UsageError("config init asks questions; without a terminal --yes takes the safe answers")
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()


def _asked(ask: Ask, question: str) -> str:
    try:
        return ask(question)
    except EOFError:
        raise ProductError("no answer: nothing was written", Exit.INTERRUPTED, "no_answer") from None


def _figure(settings: Settings, key: str, question: str, ask: Ask, tell: Callable[[str], None]) -> str:
    safe = get_value(settings, key)
    doubted = ""
    for _ in range(_TRIES):
        given = _asked(ask, f"{question} [{safe}]: ")
        if not given:
            return _toml(safe)
        try:
            changed = set_value(settings, key, given)
        except SettingsError as error:
            tell(str(error))
            continue
        if is_loosening(settings, changed, key) and given != doubted:
            doubted = given
            tell(f"{given} is looser than the safe answer, {safe}: give it once more to take it")
            continue
        return _toml(get_value(changed, key))
    raise ProductError(f"{key}: no answer that can be taken; nothing was written", Exit.USAGE, "no_answer")


def _one_of(question: str, choices: tuple[str, ...], safe: str, ask: Ask, tell: Callable[[str], None]) -> str:
    for _ in range(_TRIES):
        given = _asked(ask, f"{question} ({', '.join(choices)}) [{safe}]: ").lower()
        fits = [each for each in choices if given and each.startswith(given)]
        if not given or len(fits) == 1 or given in choices:
            return safe if not given else given if given in choices else fits[0]
        tell(f"expected one of: {', '.join(choices)}")
    text = f"{question}: no answer that can be taken; nothing was written"
    raise ProductError(text, Exit.USAGE, "no_answer")


def _toml(shown: str) -> str:
    """`25000 USD` is a number in the file, `1.0bps/8h` a text."""
    first = _FIRST_WORD.match(shown)
    word = (first[0] if first else shown).removesuffix("x").removesuffix("×")
    return word if re.fullmatch(r"\d+(\.\d+)?", word) else _quoted(word)


def _quoted(text: str) -> str:
    return f'"{text}"'
