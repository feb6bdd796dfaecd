"""The commands of the program, their flags, help and examples. Loads the command library; imported late."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, Any

import typer

from console import audit, oneshot, report, serving, start
from console.asking import Debug, Json, Profile, StateDir, asked, asked_of_folder
from services.protocol.commands import BY_NAME
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.protocol.flags import FLAGS, Flag
from services.protocol.frames import to_json
from services.protocol.options import parse_profile
from services.protocol.version import VERSION, VERSION_JSON

Words = Annotated[list[str], typer.Argument(metavar="REASON", help="Why, for the journal.")]
MaybeWords = Annotated[list[str] | None, typer.Argument(metavar="[REASON]", help="Why, for the journal.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The strategy.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

EXITS = "Exit status: " + "; ".join(f"{status.value} {status.meaning}" for status in Exit) + "."

app = typer.Typer(
    name="stableconsole",
    help="Trade hedged stablecoin strategies from the terminal. Without a command: attach to the profile's "
    "engine, or start one. `stableconsole run --help` lists the flags of a start.",
    epilog=EXITS,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
config_app = typer.Typer(help="Make, show, check and find the configuration.", rich_markup_mode=None)
audit.add(app)
report.add(app)
app.add_typer(config_app, name="config")


def run(words: list[str]) -> int:
    """One command line to its exit status. The library's own complaints become one line too."""
    try:
        status = app(words, prog_name="stableconsole", standalone_mode=False)
    except Exception as error:
        describe = getattr(error, "format_message", None)
        if describe is None:
            if type(error).__name__ == "Abort":
                raise KeyboardInterrupt from None
            raise
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "stableconsole"
        message = str(describe()).strip()
        if not message or "\n" in message:
            sys.stderr.write(message + "\n" if message else "")
            return Exit.USAGE
        raise UsageError(f"{message.rstrip('.')}; see {path} --help") from None
    return int(status or 0)


def _example(name: str) -> str:
    return f"Example: stableconsole {BY_NAME[name].example}"


def _start_parameters(flags: tuple[Flag, ...]) -> list[inspect.Parameter]:
    parameters = []
    for flag in flags:
        kind: Any = bool if flag.switch else list[str] if flag.many else str
        default: Any = False if flag.switch else None
        if not flag.switch:
            kind = kind | None
        option = typer.Option(flag.name, metavar=flag.metavar or None, help=flag.help, hidden=flag.hidden)
        parameters.append(
            inspect.Parameter(
                flag.field,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=Annotated[kind, option],
            )
        )
    return parameters


def _with_flags(command: Any, flags: tuple[Flag, ...]) -> Any:
    """The command's own switches and, from the table, the flags of a start."""
    own = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    parameters = [*own, *_start_parameters(flags)]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _run(
    *,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="The engine in the foreground, no screen.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --no-ui: the last line is JSON always.")] = False,
    **given: object,
) -> int:
    """Start an engine, or attach to the one that runs. `stableconsole FLAGS` is the same."""
    if json and not no_ui:
        raise UsageError("run: a screen is no JSON; --no-ui --json, or status --json beside it")
    return start.begin(given, no_ui=no_ui, attach=False, read_only=False)


def _attach(
    *,
    read_only: Annotated[bool, typer.Option("--read-only", help="Send nothing, halt included.")] = False,
    **given: object,
) -> int:
    """The screen alone, on an engine that runs."""
    return start.begin(given, no_ui=False, attach=True, read_only=read_only)


_ATTACH_FLAGS = tuple(flag for flag in FLAGS if flag.field in ("profile", "state_dir", "debug"))
app.command(
    "run",
    epilog="Example: stableconsole --no-ui --scenario funding-harvest --seed 7 --speed max --for-sim 20h",
)(_with_flags(_run, FLAGS))
app.command("attach", epilog="Example: stableconsole attach --read-only")(_with_flags(_attach, _ATTACH_FLAGS))


def _reader(name: str) -> None:
    """One of the commands that only look."""

    def command(
        profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
    ) -> int:
        return oneshot.ask(asked(profile, state_dir, json), name, {})

    app.command(name, help=BY_NAME[name].help, epilog=f"Example: stableconsole {name} --json")(command)


for _name in ("status", "positions", "orders", "pairs", "alerts", "stop"):
    _reader(_name)


@app.command(help=BY_NAME["halt"].help, epilog=_example("halt"))
def halt(
    reason: MaybeWords = None,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    args = {"reason": " ".join(reason)} if reason else {}
    return oneshot.ask(asked(profile, state_dir, json), "halt", args)


@app.command(help=BY_NAME["resume"].help, epilog=_example("resume"))
def resume(
    reason: Words,
    override: Annotated[
        list[str] | None, typer.Option("--override", metavar="CAUSE", help="Trade although this cause holds.")
    ] = None,
    rebase: Annotated[
        str, typer.Option("--rebase", metavar="drawdown|daily", help="Measure this breaker anew from here.")
    ] = "",
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    args = {"reason": " ".join(reason)}
    if override:
        args["override"] = ",".join(override)
    if rebase:
        args["rebase"] = rebase
    return oneshot.ask(asked(profile, state_dir, json), "resume", args)


@app.command(help=BY_NAME["flatten"].help, epilog=_example("flatten") + " --yes")
def flatten(
    what: Annotated[
        str, typer.Argument(metavar="[WHAT]", help="A symbol, venue or pair; all when left out.")
    ] = "",
    yes: Yes = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="Go on without the engine when it does not answer for 2 s.")
    ] = False,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    act = oneshot.flatten_direct if direct else oneshot.flatten
    return act(asked(profile, state_dir, json), what, yes=yes)


@app.command(help=BY_NAME["pause"].help, epilog=_example("pause"))
def pause(
    name: Name, profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
) -> int:
    return oneshot.ask(asked(profile, state_dir, json), "pause", {"name": name})


@app.command(help=BY_NAME["enable"].help, epilog=_example("enable"))
def enable(
    name: Name,
    reason: Words,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    args = {"name": name, "reason": " ".join(reason)}
    return oneshot.ask(asked(profile, state_dir, json), "enable", args)


@app.command(help=BY_NAME["reconcile"].help, epilog=_example("reconcile") + " --accept")
def reconcile(
    accept: Annotated[
        bool, typer.Option("--accept", help="Then adopt exactly the lines shown: the venue is the truth.")
    ] = False,
    profile: Profile = "sim",
    state_dir: StateDir = "",
    json: Json = False,
    debug: Debug = False,
) -> int:
    return oneshot.reconcile(asked(profile, state_dir, json), accept=accept)


@config_app.command("init", epilog="Example: stableconsole config init")
def config_init(
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the safe answers.")] = False,
    profile: Profile = "sim",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Ask a few questions and write a commented configuration file; never over one that exists."""
    from console import config, questions

    text = config.init() if yes else config.ask_for_init(questions.terminal_ask, oneshot.tell)
    oneshot.print_line(_told(json, text=text))
    return Exit.DONE


@config_app.command("show", epilog="Example: stableconsole config show --profile sim --json")
def config_show(
    profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
) -> int:
    """Every parameter of a profile, its value with unit, and where it came from; what :set changed, too."""
    from console import config, headless

    given = asked_of_folder(profile, state_dir, json)
    overrides = headless.overrides(given.layout)
    if json:
        if isinstance(overrides, str):
            raise ProductError(overrides)
        rows = config.entries(given.profile, overrides=overrides)
        oneshot.print_line(to_json({"schema": 1, "profile": given.profile, "parameters": rows}).decode())
    else:
        oneshot.print_line(config.show(given.profile, overrides=overrides, store=str(given.layout.store)))
    return Exit.DONE


@config_app.command("check", epilog="Example: stableconsole config check")
def config_check(
    profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
) -> int:
    """Check the file, and tell where a running engine differs from it; exit 2 names the first fault."""
    from console import compared

    oneshot.print_line(_told(json, text=compared.check(asked_of_folder(profile, state_dir, json))))
    return Exit.DONE


@config_app.command("path", epilog="Example: stableconsole config path")
def config_path(profile: Profile = "sim", json: Json = False, debug: Debug = False) -> int:
    """Where the configuration file is, whether it exists or not."""
    from console import paths

    where = str(paths.config_path())
    oneshot.print_line(to_json({"path": where}).decode() if json else where)
    return Exit.DONE


@config_app.command("secrets", epilog="Example: stableconsole config secrets --profile live --set alpha")
def config_secrets(
    put: Annotated[
        str, typer.Option("--set", metavar="VENUE", help="Ask for its secret, into the keyring.")
    ] = "",
    out: Annotated[str, typer.Option("--forget", metavar="VENUE", help="Take it out of the keyring.")] = "",
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="The key's passphrase, not its secret.")
    ] = False,
    profile: Profile = "sim",
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Which secrets a profile's keys need and where each is found, never the secret; keep or forget one."""
    from console import secrets

    name = parse_profile(profile)
    if put and out:
        raise UsageError("--set and --forget: one of them")
    if put or out:
        text = (secrets.keep if put else secrets.forget)(name, put or out, passphrase=passphrase)
        oneshot.print_line(_told(json, text=text))
        return Exit.DONE
    if passphrase:
        raise UsageError("--passphrase goes with --set or --forget")
    rows = secrets.listed(name)
    if json:
        oneshot.print_line(to_json({"schema": 1, "profile": name, "secrets": rows}).decode())
    else:
        oneshot.print_line(secrets.told(name, rows))
    return Exit.DONE


def _told(json: bool, *, text: str) -> str:
    return to_json({"ok": True, "text": text}).decode() if json else text


@app.command(epilog="Example: stableconsole doctor --profile live --json")
def doctor(
    profile: Profile = "sim", state_dir: StateDir = "", json: Json = False, debug: Debug = False
) -> int:
    """What would stop trading here, with remedies: machine, store, engines, venues, keys; status 1 then."""
    from console import headless

    chosen = asked_of_folder(profile, state_dir, json)
    text, ok, table = headless.doctor(chosen.layout, chosen.profile)
    oneshot.print_line(text if json else table)
    return Exit.DONE if ok else Exit.FAILED


app.command("sim", epilog="Example: stableconsole sim --port 8300 --key trader --secret secret")(serving.sim)


@app.command(epilog="Example: stableconsole version --json")
def version(profile: Profile = "sim", json: Json = False, debug: Debug = False) -> int:
    """The product's version; the same for every profile."""
    parse_profile(profile)
    oneshot.print_line(VERSION_JSON if json else f"stableconsole {VERSION}")
    return Exit.DONE
