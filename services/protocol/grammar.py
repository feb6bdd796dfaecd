"""The `:` line: from what a person typed to a command's name and arguments, with one-line errors.

Quotes keep spaces together in a word (`pause "my arb"`); the last argument of some commands is the rest of
the line as it stands. Switches (`--override CAUSE`, `--rebase=daily`) may stand anywhere.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from services.protocol.commands import BY_NAME, LIMIT_KEYS, REBASES, SPECS, Argument, Spec, Switch, Takes
from services.protocol.errors import UsageError
from services.protocol.figures import joined
from services.protocol.options import FAULT_KINDS

MAX_LINE = 1_000

Candidates = Callable[[Takes], Iterable[str]]
"""What an argument may be at this moment: the caller knows strategies, pairs, symbols and alerts."""

_TOKEN = re.compile(r'"([^"]*)"|(\S+)')
_CHOICES: dict[Takes, tuple[str, ...]] = {
    Takes.REBASE: REBASES,
    Takes.LIMIT: LIMIT_KEYS,
    Takes.FAULT: FAULT_KINDS,
}


class ParsedCommand(Struct, frozen=True):
    name: str
    args: dict[str, str]
    """Only what was given; `max_size` has become `max_position`."""


class _Token(Struct, frozen=True):
    text: str
    start: int
    end: int
    quoted: bool


def parse(line: str, others: Iterable[str] = ()) -> ParsedCommand:
    """The command of a `:` line (with or without its colon). `others`: words that the caller has beside these
    commands, which may have been meant. Raises UsageError with one line."""
    if len(line) > MAX_LINE:
        raise UsageError(f"a command line holds at most {MAX_LINE} characters")
    if not line.isprintable():
        raise UsageError("a command line holds printable characters only")
    line = line.strip().removeprefix(":").strip()
    tokens = _tokens(line)
    if not tokens:
        raise UsageError("type a command, for example halt")
    spec, used = _spec_of(tokens, others)
    if not spec.line:
        raise UsageError(f"{spec.name} is a shell command: stableconsole {spec.name}")
    plain, args = _take_switches(spec, tokens[used:])
    args |= _take_arguments(spec, line, plain)
    return ParsedCommand(spec.name, args)


def check(name: str, args: dict[str, str]) -> Spec:
    """A command that came over the socket: known, nothing missing, nothing unknown. Raises UsageError."""
    spec = BY_NAME.get(name)
    if spec is None:
        raise UsageError(f"unknown command {name!r}; {_nearest(name)}")
    allowed = [arg.name for arg in spec.args] + [switch.name for switch in spec.switches]
    for key in args:
        if key not in allowed:
            raise UsageError(f"{name}: unknown argument {key!r}; usage: {spec.usage}")
    for arg in spec.args:
        if not arg.optional and not args.get(arg.name, "").strip():
            raise UsageError(f"{name}: {arg.name.upper()} is missing ({arg.help}); usage: {spec.usage}")
    for arg in spec.args:
        _check_choice(spec, arg, args.get(arg.name))
    for switch in spec.switches:
        _check_choice(spec, switch, args.get(switch.name))
    return spec


def complete(line: str, candidates: Candidates) -> tuple[str, ...]:
    """Whole lines that continue this one: command names first, then what the next argument may be."""
    body = line.lstrip().removeprefix(":").lstrip()
    names = [spec.name for spec in SPECS if spec.line and spec.name.startswith(body)]
    spec = max(
        (spec for spec in SPECS if spec.line and body.startswith(spec.name + " ")),
        key=lambda found: len(found.name),
        default=None,
    )
    if spec is None:
        return tuple(names)
    words = body[len(spec.name) :].split()
    last = "" if body.endswith(" ") else words.pop()
    prefix = body[: len(body) - len(last)]
    options = _next_words(spec, words, last, candidates)
    return (*names, *(prefix + option for option in options if option.startswith(last) and option != last))


def expects(line: str) -> tuple[Spec, Argument | Switch | None] | None:
    """The command whose name stands complete at the front, and the argument at the end of the line.

    No argument = it takes nothing more. None = no command's name is complete yet.
    """
    body = line.lstrip().removeprefix(":").lstrip()
    spec = max(
        (s for s in SPECS if s.line and (body == s.name or body.startswith(s.name + " "))),
        key=lambda found: len(found.name),
        default=None,
    )
    if spec is None:
        return None
    words = body[len(spec.name) :].split()
    if words and not body.endswith(" "):
        words.pop()
    by_flag = {f"--{switch.name}": switch for switch in spec.switches}
    if words and words[-1] in by_flag:
        return spec, by_flag[words[-1]]
    position = _position(words, by_flag)
    args = spec.args
    if position < len(args):
        return spec, args[position]
    return spec, args[-1] if args and args[-1].takes is Takes.REST else None


def _position(words: list[str], by_flag: Iterable[str]) -> int:
    """How many plain arguments stand in `words`."""
    position = 0
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in by_flag:
            skip = True
        else:
            position += 1
    return position


def _next_words(spec: Spec, words: list[str], last: str, candidates: Candidates) -> list[str]:
    by_flag = {f"--{switch.name}": switch for switch in spec.switches}
    if words and words[-1] in by_flag:
        return _offers(by_flag[words[-1]].takes, candidates)
    position = _position(words, by_flag)
    offers: list[str] = []
    if position < len(spec.args):
        offers = _offers(spec.args[position].takes, candidates)
    if last.startswith("-") or position >= len(spec.args) or spec.args[position].takes is Takes.REST:
        offers += [flag for flag, switch in by_flag.items() if switch.repeats or flag not in words]
    return offers


def _offers(takes: Takes, candidates: Candidates) -> list[str]:
    if takes in _CHOICES:
        return list(_CHOICES[takes])
    if takes in (Takes.REST, Takes.WORD):
        return []
    return [_quoted(text) for text in candidates(takes)]


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def _tokens(line: str) -> list[_Token]:
    return [
        _Token(
            match[2] if match[1] is None else match[1],
            match.start(),
            match.end(),
            quoted=match[1] is not None,
        )
        for match in _TOKEN.finditer(line)
    ]


def _spec_of(tokens: list[_Token], others: Iterable[str]) -> tuple[Spec, int]:
    first = tokens[0].text
    two = f"{first} {tokens[1].text}" if len(tokens) > 1 else ""
    if two in BY_NAME:
        return BY_NAME[two], 2
    if first in BY_NAME:
        return BY_NAME[first], 1
    longer = [spec for spec in SPECS if spec.name.startswith(first + " ")]
    if longer:
        raise UsageError(f"{first}: did you mean {' or '.join(spec.usage for spec in longer)}?")
    raise UsageError(f"unknown command {first!r}; {_nearest(first, others)}")


def _nearest(name: str, others: Iterable[str] = ()) -> str:
    """What begins so, else what looks like it, by first words; else all there is."""
    names = [spec.name for spec in SPECS if spec.line] + list(others)
    firsts = dict.fromkeys(one.split()[0] for one in names)
    near = [one for one in firsts if one.startswith(name)] or difflib.get_close_matches(name, firsts, 3, 0.6)
    meant = [one for word in near for one in names if one.split()[0] == word]
    return f"did you mean {' or '.join(meant)}?" if meant else f"known: {', '.join(names)}"


def _take_switches(spec: Spec, tokens: list[_Token]) -> tuple[list[_Token], dict[str, str]]:
    by_name = {switch.name: switch for switch in spec.switches}
    plain: list[_Token] = []
    args: dict[str, str] = {}
    rest = iter(tokens)
    for token in rest:
        if token.quoted or not token.text.startswith("--"):
            plain.append(token)
            continue
        name, equals, value = token.text[2:].partition("=")
        switch = by_name.get(name)
        if switch is None:
            raise UsageError(f"{spec.name}: unknown option --{name}; usage: {spec.usage}")
        if not equals:
            following = next(rest, None)
            value = following.text if following else ""
        if not value:
            raise UsageError(f"{spec.name}: --{name} needs a value; usage: {spec.usage}")
        _check_choice(spec, switch, value)
        if name in args and not switch.repeats:
            raise UsageError(f"{spec.name}: --{name} stands twice")
        args[name] = f"{args[name]},{value}" if name in args else value
    return plain, args


def _take_arguments(spec: Spec, line: str, tokens: list[_Token]) -> dict[str, str]:
    args: dict[str, str] = {}
    left = list(tokens)
    for arg in spec.args:
        if not left:
            if arg.optional:
                break
            raise UsageError(f"{spec.name}: {arg.name.upper()} is missing ({arg.help}); usage: {spec.usage}")
        if arg.takes is Takes.REST:
            args[arg.name] = _rest(line, left)
            left = []
        else:
            args[arg.name] = left.pop(0).text
        if not args[arg.name] and not arg.optional:
            raise UsageError(f"{spec.name}: {arg.name.upper()} is empty; usage: {spec.usage}")
        _check_choice(spec, arg, args[arg.name])
    if left:
        raise UsageError(f"{spec.name}: {left[0].text!r} is one too many; usage: {spec.usage}")
    if "value" in args and "reason" in args:
        args["value"], args["reason"] = joined(args["value"], args["reason"])
        if not args["reason"]:
            del args["reason"]
    if args.get("key") == "max_size":
        args["key"] = "max_position"
    return args


def _rest(line: str, tokens: list[_Token]) -> str:
    """The text from the first to the last token; one quoted text loses its quotes; switches are cut out."""
    pieces = [
        token.text if token.quoted and len(tokens) == 1 else line[token.start : token.end] for token in tokens
    ]
    return " ".join(pieces)


def _check_choice(spec: Spec, argument: Argument | Switch, value: str | None) -> None:
    choices = _CHOICES.get(argument.takes)
    if value is not None and choices and value not in choices:
        raise UsageError(f"{spec.name}: {value!r} is none of {', '.join(choices)}")
