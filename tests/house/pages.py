"""The reference pages of `docs/`, made from the tables that the program itself runs on.

`python -m tests.house.pages` writes them; a test holds them equal to what stands in the folder.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType

import msgspec
from msgspec import Struct

from services.alerts.rules import RULES
from services.protocol.commands import SPECS
from services.protocol.exits import Exit
from services.protocol.flags import FLAGS
from services.settings.catalog import Entry, catalog
from services.settings.parameters import Settings, StrategySettings
from services.settings.venues import KINDS
from services.strategies.cross_exchange import KIND as CROSS
from services.views.desk import AlertView, DifferenceView
from services.views.health import HealthView
from services.views.performance import PerformanceView
from services.views.status import OrderStatus, PairStatus, PositionStatus, StatusView, SummaryView
from services.views.why import WhyStep, WhyView

DOCS = Path(__file__).resolve().parents[2] / "docs"


def commands() -> str:
    lines = [
        "# Commands",
        "",
        "`stableconsole` alone attaches to the profile's engine, or starts one and attaches.",
        "Every command takes `--profile NAME`, `--json`, `--debug` and `--help` (with an example), but `sim` has no",
        "profile, and `sim` and `attach` print no JSON (`run` does with `--no-ui`: its last line); those that",
        "look into a state folder take `--state-dir DIR`.",
        "",
        "| in the shell | on the `:` line | does |",
        "| --- | --- | --- |",
    ]
    for spec in SPECS:
        if not spec.shell and not spec.line:
            continue  # between the program's own processes only
        shell = f"`stableconsole {_escaped(spec.usage)}`" if spec.shell else ""
        line = f"`:{_escaped(spec.usage)}`" if spec.line else ""
        lines.append(f"| {shell} | {line} | {spec.help} |")
    lines += [
        "| | `:shock COIN PERCENT` | What if? Screen 8 on the present books; alone it clears. Nothing reaches the engine. |",
        "| `stableconsole run [FLAGS]` | | Start an engine, or attach to the one that runs; `run` may be left out. |",
        "| `stableconsole run --no-ui` | | The engine in the foreground; its last line is the summary as JSON. |",
        "| `stableconsole attach [--read-only]` | | The screen alone, on an engine that runs. |",
        "| `stableconsole audit verify` | | Check the journal's chain; works with no engine running. |",
        "| `stableconsole audit export FILE` | | Write the journal as JSON lines; works with no engine running. |",
        "| `stableconsole store prune [--keep D] [--compact]` | | Empty old inputs of the journal; beside a running engine, too. |",
        "| `stableconsole why ORDER` | | The reason chain of an order or a pair: signal, size, gate, answers, fills. |",
        "| `stableconsole replay [JOURNAL]` | | Run the journal's inputs again: the same decisions must come out. |",
        "| `stableconsole config init [--yes]` | | Ask a few questions, each with a safe answer, and write a commented configuration file. |",
        "| `stableconsole config show` | | Every parameter with its value, unit and origin, what `:set` has changed included. |",
        "| `stableconsole config check` | | Check the file; names line, key, value and what was expected, and where a running engine differs. |",
        "| `stableconsole config path` | | Where the file is. |",
        "| `stableconsole config secrets [--set VENUE] [--forget VENUE] [--passphrase]` | | Which secrets the keys of a profile need and where each is found, never the secret; `--set` asks for one out of sight (or reads a pipe) and keeps it in the system keyring. |",
        "| `stableconsole doctor` | | What would stop trading, row by row with a remedy: machine, store, other engines, venues and keys; status 1 then. |",
        "| `stableconsole report [--period P] [--csv] [--html FILE]` | | Results of a period: trades, risk, where equity went, coins held, funding settled; works with no engine running. |",
        "| `stableconsole health` | | Venues, process, store, channels; status 1 when a reading is bad or unknown. |",
        "| `stableconsole sim --port N [--key K --secret S]` | | Serve the simulated exchange in the FTX dialect, on this machine alone. |",
        "| `stableconsole version` | | The product's version. |",
        "",
        "`flatten` asks for the word unless `--yes` is given; without a terminal `--yes` is required.",
        "`reconcile --accept` then adopts exactly the lines it has listed; exit status 4 while a difference is open.",
        "",
        "## Flags of a start",
        "",
        "| flag | does |",
        "| --- | --- |",
        "| `--no-ui` | The engine in the foreground, no screen. |",
    ]
    for flag in FLAGS:
        if not flag.hidden:
            lines.append(f"| `{_escaped(f'{flag.name} {flag.metavar}'.strip())}` | {flag.help} |")
    lines += ["", "## Exit statuses", "", "| status | meaning |", "| --- | --- |"]
    lines += [f"| {status.value} | {status.meaning} |" for status in Exit]
    return "\n".join(lines) + "\n"


def keys() -> str:
    from console.keymap import KEYS

    titles = {"safety": "Safety", "move": "Moving about", "do": "Doing", "app": "The console"}
    lines = ["# Keys", "", "Every safety action has two ways: a key and a `:` command."]
    for group in dict.fromkeys(key.group for key in KEYS):
        lines += ["", f"## {titles.get(group, group)}", "", "| key | does |", "| --- | --- |"]
        lines += [f"| `{_escaped(key.shown)}` | {key.help} |" for key in KEYS if key.group == group]
    return "\n".join(lines) + "\n"


def settings() -> str:
    lines = [
        "# Settings",
        "",
        "Every parameter of the desk with its default, as `stableconsole config show` lists it. In the file they",
        "stand under `[profiles.NAME]`; `:set KEY VALUE` overrides one while the engine runs. A funding rate",
        "carries its unit, `bps/8h`; a bare `bps` is refused there. Loosening a limit needs a reason and ACTIVE.",
        "",
        "The part before the dot is the table, `[profiles.NAME.pair]`, but for three: `gate.KEY` is `KEY` in",
        "`[profiles.NAME.limits]`, where `default_limit` is the table `limits.default` and `limits.SYMBOL` the",
        'table `limits.instrument."SYMBOL"`; a strategy\'s stand in `[profiles.NAME.strategies.STRATEGY]`.',
        "",
        "| key | default | limit | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_setting(entry) for entry in catalog(Settings())]
    with_cross = Settings(strategies={CROSS: StrategySettings(kind=CROSS)})
    lines += [
        "",
        f"## A strategy of kind `{CROSS}`",
        "",
        f'None runs by default. `[profiles.NAME.strategies.{CROSS}]` with `kind = "{CROSS}"` sets one up; it',
        "holds perp pairs until their prices met, and lets spot change hands out of what lies on both venues.",
        "",
        "| key | default | limit | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        _setting(entry) for entry in catalog(with_cross, None, with_cross) if entry.key.startswith(CROSS)
    ]
    lines += _PLUGINS
    lines += _VENUES
    for name, kind in KINDS.items():
        given = ", ".join(f"`{key}`" for key in kind.needs)
        rest = ", ".join(f"`{key}`" for key in kind.fields if key not in kind.needs)
        lines.append(f"| `{name}` | {given} | {rest} |")
    lines += _BINANCE
    return "\n".join(lines) + "\n"


_BINANCE = (
    "",
    "`binance` is USDⓈ-M futures, `binance_spot` the spot market; both may stand in one profile, each with its own",
    "key. `hosts` is `production`, `demo`, `testnet`, or `local` with addresses on this machine: `rest`, `stream`,",
    "for spot `api` (the WebSocket API) and, where coins are to have a price in dollars, `index` (the futures",
    "service). `wallet`, which `production` has, tells what the key may do and which coins can leave; elsewhere both",
    "are unknown. A PEM private key as the secret signs with Ed25519 (extra `ed25519`). Spot has no positions, no",
    "reduce-only, no conditional orders and no dead-man's switch here. Neither has been run against the real venue.",
    "Binance quotes nothing in dollars, so on its own the peg of USDT and USDC is unknown, which blocks entries: name",
    "a venue that quotes them in dollars beside it, on paper without a key, in live with one of an account of its own.",
    "Paper takes the fees of an ordinary customer, and full margin where the brackets are told to keys alone.",
)


def _setting(entry: Entry) -> str:
    meaning = " ".join(entry.doc.split())
    return f"| `{entry.key}` | {entry.default} | {'yes' if entry.limit else ''} | {_escaped(meaning)} |"


_PLUGINS = [
    "",
    "## Strategies from other packages",
    "",
    "An installed package may bring a kind of its own: an entry point of the group `stableconsole.strategies`, named like",
    "the kind, leads to an object with `kind`, `initial()` and `decide(view, params, state)` as `funding_arb` has them. It",
    "gets that strategy's parameters, must be pure, and its state must be one that msgspec writes and reads. In `live` it",
    'runs only if the profile lists it: `allow_plugins = ["KIND"]`.',
    "",
    "Pure means: the same view, parameters and state give the same intents. One that goes by chance, a clock, a file or the",
    "network trades as any other, within the same sizing and gate, but nothing that it decided can be decided again: after a",
    "kill its orders come out otherwise, so the store is set aside as for a changed strategy (`store corrupt`, REDUCING, latched;",
    "positions hedged as they were), and `replay` says `diverged`. A chance that you want belongs into its state, as a seed.",
]

_VENUES = [
    "",
    "## Modes and venues",
    "",
    "Without a venue's table a profile of mode `sim` trades on the simulator inside the engine. With one table a",
    "venue it trades over sockets:",
    "",
    "```toml",
    "[profiles.sock]",
    'mode = "sim"                            # sim | paper | live',
    "",
    "[profiles.sock.venue.alpha]",
    'kind = "ftx"',
    'rest = "http://127.0.0.1:8300"          # stableconsole sim --port 8300 --key trader --secret …',
    'stream = "ws://127.0.0.1:8300/ws/"',
    'key = "trader"                          # public half; left out = market data only',
    "extensions = true                       # our own simulator: dead-man's switch, faults, books",
    "```",
    "",
    "- `sim` over sockets takes nothing but our simulator on this machine; the badge says `SIM ⇄`.",
    "- `paper` takes the live public market of any venue and matches orders here; it uses no key.",
    '- `live` needs `mode = "live"`, `--live` at the start, and no `STOP` row of `stableconsole doctor`: a venue with one is',
    "  never traded; it ends the start, or is left out of it where an earlier run traded there (`venue refused`).",
    "- A host that is not this machine needs `allow_remote = true`, `https://` and `wss://`. `rest` is a host",
    "  alone: paths are the dialect's.",
    "- `symbols` names the markets; a venue of kind `ftx` takes all that it lists where none are named. What is listed",
    "  anew while the engine runs is told in the log (Binance spot is asked about its own pairs alone), and traded from",
    "  the next start on, where `symbols` names it or names none. A venue of kind `binance` or `binance_spot` takes 60 at",
    "  most: what is asked for each of them would weigh more than Binance allows in a minute.",
    "- A key that can withdraw is refused in every mode.",
    "- An account of an `ftx` venue that is set to more leverage than a market may have (`max_leverage`) opens positions",
    "  there and grows none: `doctor` warns. Our simulator sets an account to 10x; `POST /api/account/leverage` lowers it.",
    "- One account is one venue: two tables of a profile on one are refused (not on paper), for its money would count",
    "  twice. Two sub-accounts of a key are two accounts, and so are Binance's futures and spot under one key.",
    "- No secret stands in the file. It comes from `STABLECONSOLE_SECRET_VENUE` (`STABLECONSOLE_SECRET_ALPHA`), else",
    "  from the system keyring (extra `keyring`): service `stableconsole`, name `PROFILE/VENUE`.",
    "  `stableconsole config secrets --set VENUE` asks for one and keeps it there; alone it says where each is found.",
    '- `kind = "ccxt"` needs the extra `venues`. `exchange` is an exchange as ccxt writes it, `hosts` is `production`,',
    "  `demo`, `testnet` or `local` (then `rest` names it). Orders are taken on `okx` and `bybit`; every other exchange",
    "  whose flags suffice is watched, and traded on paper. `market` is `perp` (default: linear perpetuals) or `spot`,",
    "  one kind a venue, each with a key of its own account. The list of markets is read anew each hour. A passphrase",
    "  comes from `STABLECONSOLE_SECRET_VENUE__PASSPHRASE`, or as `PROFILE/VENUE__passphrase` from the keyring.",
    "",
    "| kind | needed | may be given |",
    "| --- | --- | --- |",
]


def contract() -> str:
    lines = [
        "# JSON",
        "",
        "What `--json` prints is a contract, versioned by `schema`: money, quantities and rates are strings, times",
        "are integers in nanoseconds UTC, unknown is null. Keys may be added; one that changes its meaning or goes",
        "raises `schema`.",
        "",
        "`positions`, `orders`, `pairs` and `alerts` answer `{schema, NAME: [...]}`, `positions` with `unseen_ms` (the age of the oldest",
        "overdue read of an account, whose positions are known as of then; null = every account was read in time). `halt`, `resume`, `stop` and `reconcile`",
        "answer `{ok, trading_state, causes[], cancelled, pending}`, `stop` with `left[]` (open against the wish) and",
        "`kept[]` (a dead-man's switch that stays armed), `positions[]` (what nobody watches from then on) and `unwritten` (what waits for a disk that takes nothing, else null), `reconcile` with `differences[]`, `unread[]`, `accepted[]`",
        "and `refused[]{id, why}` beside them; `flatten` ends with",
        "`{flat, orders_left[], positions_left[], kept[], fresh_read_ts}`; `audit verify` with",
        "`{ok, head, rows, first_broken}`; `store prune` with",
        "`{schema, ok, blocks, freed_bytes, keep_from, size_bytes, compacted}`; `replay` with `{ok, events, decisions, first_divergence, written_by[]}`;",
        "`doctor` with `{schema, ok, profile, mode, findings[]{subject, check, verdict, text, remedy}}`, verdict one of",
        "`ok`, `warn`, `stop`; `why` as below.",
    ]
    pages: list[tuple[str, type[Struct]]] = [
        ("status", StatusView),
        ("positions[]", PositionStatus),
        ("orders[]", OrderStatus),
        ("pairs[]", PairStatus),
        ("alerts[]", AlertView),
        ("differences[] of reconcile", DifferenceView),
        ("why", WhyView),
        ("a step of why", WhyStep),
        ("report", PerformanceView),
        ("health", HealthView),
        ("summary of a headless run, beside the keys of status", SummaryView),
    ]
    for title, struct in pages:
        lines += ["", f"## {title}", "", *(f"- `{path}`" for path in _paths(struct))]
    return "\n".join(lines) + "\n"


def alerts() -> str:
    lines = [
        "# Alerts",
        "",
        "Every kind of alert, as the console's detail (`enter`) shows it. An alarm calls at once, a warning is looked",
        "at today, info is history. A cause of the trading state has the alert of its name.",
        "",
        "| alert | severity | why it matters | what to do |",
        "| --- | --- | --- | --- |",
    ]
    for name, rule in RULES.items():
        lines.append(
            f"| {name} | {rule.severity.value.lower()} | {_escaped(rule.why)} | {_escaped(rule.do)} |"
        )
    return "\n".join(lines) + "\n"


PAGES = {
    "commands.md": commands,
    "keys.md": keys,
    "settings.md": settings,
    "json.md": contract,
    "alerts.md": alerts,
}


def _paths(struct: type[Struct], prefix: str = "") -> Iterator[str]:
    """Keys, nested ones dotted; lists carry `[]`."""
    for field in msgspec.structs.fields(struct):
        if struct is SummaryView and field.name == "status":
            continue
        inner, many = _inner(field.type)
        name = f"{prefix}{field.encode_name}{'[]' if many else ''}"
        if inner in (None, WhyStep) or (not prefix and inner in (PositionStatus, PairStatus)):
            yield name
        else:
            yield from _paths(inner, f"{name}.")


def _inner(kind: object) -> tuple[type[Struct] | None, bool]:
    if typing.get_origin(kind) in (typing.Union, UnionType):
        kind = next(arg for arg in typing.get_args(kind) if arg is not type(None))
    many = typing.get_origin(kind) is tuple
    if many:
        kind = typing.get_args(kind)[0]
    return (kind, many) if isinstance(kind, type) and issubclass(kind, Struct) else (None, many)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
