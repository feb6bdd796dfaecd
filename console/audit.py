"""The journal: `audit verify` and `export`, `replay`, `why`, `store prune`. None needs an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console import oneshot
from console.asking import Debug, Json, Profile, StateDir, asked, asked_of_folder
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.frames import to_json
from services.protocol.options import parse_duration

store_app = typer.Typer(help="Look after the store's file.", rich_markup_mode=None)
audit_app = typer.Typer(
    help="Verify or export the journal; works with no engine running.", rich_markup_mode=None
)


def add(app: typer.Typer) -> None:
    """Hang these commands into the program's."""
    app.add_typer(audit_app, name="audit")
    app.add_typer(store_app, name="store")
    app.command("replay", epilog="Example: stableconsole replay --json")(replay)
    app.command("why", epilog="Example: stableconsole why P-01")(why)


@audit_app.command("verify", epilog="Example: stableconsole audit verify --json")
def audit_verify(
    profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
) -> int:
    """Check the journal's chain from its first row; exit 1 names the first broken one."""
    from console import headless

    return _verdict(*headless.audit_verify(asked_of_folder(profile, state_dir, json).layout), json=json)


@audit_app.command("export", epilog="Example: stableconsole audit export journal.jsonl")
def audit_export(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the JSON lines go.")],
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Write the journal as JSON lines."""
    from console import headless

    rows = headless.audit_export(asked_of_folder(profile, state_dir, json).layout, out)
    oneshot.print_line(
        to_json({"rows": rows, "file": str(out)}).decode() if json else f"{rows} rows in {out}"
    )
    return Exit.DONE


@store_app.command("prune", epilog="Example: stableconsole store prune --keep 7d")
def store_prune(
    keep: Annotated[
        str, typer.Option("--keep", metavar="D", help="What is younger stays, for example 7d or 36h.")
    ] = "",
    compact: Annotated[
        bool, typer.Option("--compact", help="Make the file smaller, too; not while an engine runs.")
    ] = False,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Empty old inputs of the journal; hashes, decisions and results stay."""
    from console import headless

    chosen = asked_of_folder(profile, state_dir, json)
    keep_s = parse_duration(keep) if keep else None
    result, text = headless.store_prune(chosen.layout, chosen.profile, keep_s, compact=compact)
    oneshot.print_line(result if json else text)
    return Exit.DONE


def replay(
    journal: Annotated[Path | None, typer.Argument(metavar="[JOURNAL]", help="Another store file.")] = None,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Run the journal's inputs through the desk again: the same decisions must come out."""
    from console import headless

    chosen = (asked if journal else asked_of_folder)(profile, state_dir, json)
    return _verdict(*headless.replay(chosen.layout, journal), json=json)


def _verdict(result: str, ok: bool, text: str, *, json: bool) -> int:
    if json:
        oneshot.print_line(result)
    elif ok:
        oneshot.print_line(text)
    if not ok:
        raise ProductError(text)
    return Exit.DONE


def why(
    order: Annotated[
        str,
        typer.Argument(metavar="ORDER", help="A client order id or its end, a venue's order id, or a pair."),
    ],
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """The reason chain of an order: from signal to size to the gate's figures to its fills."""
    return oneshot.why(asked_of_folder(profile, state_dir, json), order)
