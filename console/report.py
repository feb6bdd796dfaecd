"""`report` and `health`: what the store and the engine say of results and of the machine."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from console import oneshot, plain_report
from console.asking import Debug, Json, Profile, StateDir, asked, asked_of_folder
from console.client import Client
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit

Period = Annotated[
    str, typer.Option("--period", metavar="PERIOD", help="all, 24h, 30d, or 2023-03-01..2023-03-05.")
]


def add(app: typer.Typer) -> None:
    """Hang these commands into the program's."""
    app.command("report", epilog="Example: stableconsole report --period 30d --html report.html")(report)
    app.command("health", epilog="Example: stableconsole health --json")(health)


def report(
    period: Period = "all",
    csv: Annotated[bool, typer.Option("--csv", help="Print every figure as a line of CSV.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page.")
    ] = None,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Results of a period: trades, risk, where equity went. Reads the store; needs no engine."""
    from console import headless

    if csv and json:
        raise UsageError("--csv and --json are two answers; give one of them")
    chosen = asked_of_folder(profile, state_dir, json)
    text = headless.report(chosen.layout, chosen.profile, period)
    answer = msgspec.json.decode(text)
    if html is not None:
        from console.report_html import page

        try:
            html.write_text(page(answer), encoding="utf-8")
        except OSError as error:
            raise ProductError(f"cannot write {html}: {error.strerror or error}") from None
    if json:
        oneshot.print_line(text)
    elif csv:
        sys.stdout.write(table_of(answer))
    elif html is not None:
        oneshot.print_line(f"report in {html}")
    else:
        oneshot.print_line(plain_report.report(answer))
    return Exit.DONE


def health(
    profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
) -> int:
    """Readings of venues, process, store and channels; status 1 when one is bad or unknown."""
    chosen = asked(profile, state_dir, json)
    with Client.open(chosen.layout, chosen.profile) as client:
        done = client.call("health", {})
    if done.error is not None:
        raise ProductError(done.error.text)
    raw = bytes(done.result)
    answer = msgspec.json.decode(raw)
    oneshot.print_line(raw.decode() if json else plain_report.health(answer))
    return Exit.DONE if answer.get("ok") else Exit.FAILED


def table_of(answer: Mapping[str, Any]) -> str:
    """Every figure as `section,name,figure,value`; the curve as its own lines."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(("section", "name", "figure", "value"))
    for figure in ("profile", "stamp", "period", "since", "until"):
        write(("report", "", figure, answer[figure]))
    for section in ("risk", "waterfall", "total"):
        for figure, value in (answer[section] or {}).items():
            write((section, "", figure, _cell(value)))
    for section in ("by_strategy", "by_symbol"):
        for row in answer[section]:
            for figure, value in row.items():
                if figure != "name":
                    write((section, row["name"], figure, _cell(value)))
    for section, names in (("coins", ("coin", "account")), ("rates", ("instrument",))):
        for row in answer[section]:
            called = " ".join(row[name] for name in names)
            for figure, value in row.items():
                if figure not in names:
                    write((section, called, figure, _cell(value)))
    for ts, equity, unit, down in answer["curve"]:
        for figure, value in (("equity", equity), ("unit", unit), ("drawdown", down)):
            write(("curve", ts, figure, _cell(value)))
    return out.getvalue()


def _cell(value: object) -> object:
    return "" if value is None else value
