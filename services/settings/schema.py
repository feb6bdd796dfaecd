"""Validation of the configuration file with pydantic: unknown keys, wrong types and units, all by name.

The models of the sections are made from the parameter table, so that a parameter exists in one place.
Imported only by the engine's start and the config commands: pydantic is not on the way to a first frame.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model

from services.settings.errors import SettingsError
from services.settings.fields import INSTRUMENT_LIMIT, KINDS, SECTIONS, STRUCTS, Field, parse_field
from services.settings.keys import RESERVED_NAMES, STRATEGY_NAME, SYMBOL
from services.settings.parameters import InstrumentLimit
from services.settings.plugins import installed
from services.settings.ui import UI_KEYS
from services.settings.venues import VenueWire, read_wires

STRATEGY_KINDS = tuple(KINDS)
MODES = ("sim", "paper", "live")
PROFILE_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")

_PROFILE_RULE = "a lower-case letter, then up to 15 letters, digits or dashes, and not accounts"
_SECRET = re.compile(r"secret|passw|passphrase|api_?key|private|token", re.IGNORECASE)
_FORBID = ConfigDict(extra="forbid", frozen=True)


class Given(Struct, frozen=True):
    """One parameter that the file gives: its key, its value as written, its path in the file."""

    key: str
    value: Any
    path: tuple[str, ...]


class ProfileFile(Struct, frozen=True, kw_only=True):
    """What the file says about one profile; None = nothing, the default holds."""

    mode: str | None = None
    venues: tuple[str, ...] | None = None
    assume_par: tuple[str, ...] | None = None
    allow_plugins: tuple[str, ...] | None = None
    strategies: dict[str, str] | None = None
    """Name to kind."""
    wires: dict[str, VenueWire] | None = None
    given: tuple[Given, ...] = ()


def check_document(document: Mapping[str, Any]) -> None:
    """The top of the file: profiles, ui, no secrets. Raises SettingsError with `path` in its key."""
    for path in _secrets(document, ()):
        raise SettingsError(
            ".".join(path), None, "no secret in the file: it comes from the environment or the system keyring"
        )
    for key in document:
        if key not in ("profiles", "ui"):
            raise SettingsError(key, document[key], "one of: profiles, ui")
    profiles = document.get("profiles", {})
    if not isinstance(profiles, Mapping):
        raise SettingsError("profiles", profiles, "tables such as [profiles.sim]")
    for name, table in profiles.items():
        if not PROFILE_NAME.fullmatch(name) or name == "accounts":
            raise SettingsError(f"profiles.{name}", None, f"a profile's name: {_PROFILE_RULE}")
        if not isinstance(table, Mapping):
            raise SettingsError(f"profiles.{name}", table, f"a table [profiles.{name}]")
    ui = document.get("ui", {})
    if not isinstance(ui, Mapping):
        raise SettingsError("ui", ui, "a table [ui]")
    for key in ui:
        if key not in UI_KEYS:
            raise SettingsError(f"ui.{key}", ui[key], f"one of: {', '.join(UI_KEYS)}")


def read_profile(name: str, table: Mapping[str, Any]) -> ProfileFile:
    """Check `[profiles.NAME]`. Raises SettingsError for the first fault, its key the path in the file."""
    root = ("profiles", name)
    try:
        model = ProfileModel.model_validate(dict(table))
    except ValidationError as error:
        raise _refusal(root, error) from None
    strategies = model.strategies or {}
    kinds = {each: _strategy(root, each, content) for each, content in strategies.items()} or None
    return ProfileFile(
        mode=model.mode,
        venues=model.venues,
        assume_par=model.assume_par,
        allow_plugins=model.allow_plugins,
        strategies=kinds,
        wires=read_wires((*root, "venue"), model.venue) if model.venue is not None else None,
        given=tuple(_given(root, table)),
    )


def _one_of(*names: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in names:
            raise ValueError(f"one of: {', '.join(names)}")
        return value

    return BeforeValidator(check)


def _known_kind(value: object) -> object:
    """Ours, or one that an installed package brings; who brings what is looked up only for the latter."""
    if value not in STRATEGY_KINDS and value not in (brought := installed()):
        raise ValueError(f"one of: {', '.join((*STRATEGY_KINDS, *brought))}")
    return value


def _names(pattern: str, example: str) -> BeforeValidator:
    def check(value: object) -> tuple[str, ...]:
        good = isinstance(value, list) and all(
            isinstance(each, str) and re.fullmatch(pattern, each) for each in value
        )
        if not isinstance(value, list) or not good or not value or len(set(value)) != len(value):
            raise ValueError(f"a list of different names such as {example}")
        return tuple(value)

    return BeforeValidator(check)


def _model(name: str, fields: Mapping[str, Field], owner: type[Struct], **more: Any) -> type[BaseModel]:
    """A model with one optional, checked field for each parameter of a section."""
    defaults = {each.name: each.default for each in msgspec.structs.fields(owner)}
    definitions: dict[str, Any] = dict(more)
    for field_name, field in fields.items():
        definitions[field_name] = (
            Annotated[Any, BeforeValidator(_checker(field, defaults[field_name]))],
            None,
        )
    model: type[BaseModel] = create_model(name, __config__=_FORBID, **definitions)
    return model


def _checker(field: Field, default: Any) -> Any:
    def check(value: object) -> Any:
        return parse_field(field, default, value)

    return check


_Row = _model("InstrumentLimitRow", INSTRUMENT_LIMIT, InstrumentLimit)
_Limits = _model(
    "Limits",
    SECTIONS["gate"],
    STRUCTS["gate"],
    default=(_Row | None, None),
    instrument=(dict[str, _Row], {}),  # type: ignore[valid-type]
)
_STRATEGIES = {
    kind: _model(
        block.capitalize(),
        fields,
        owner,
        kind=(Annotated[str | None, BeforeValidator(_known_kind)], None),
        enabled=(Annotated[Any, BeforeValidator(_checker(Field("flag"), True))], True),
    )
    for kind, (block, fields, owner) in KINDS.items()
}
_SECTION_MODELS: dict[str, Any] = {
    section: (_model(section.capitalize(), fields, STRUCTS[section]) | None, None)
    for section, fields in SECTIONS.items()
    if section != "gate"
}


class _ProfileBase(BaseModel):
    model_config = _FORBID

    mode: Annotated[Literal["sim", "paper", "live"] | None, _one_of(*MODES)] = None
    venues: Annotated[tuple[str, ...] | None, _names(r"[a-z][a-z0-9_]{0,15}", '["alpha", "beta"]')] = None
    assume_par: Annotated[tuple[str, ...] | None, _names(r"[A-Z0-9]{2,10}", '["USDT"]')] = None
    allow_plugins: Annotated[tuple[str, ...] | None, _names(STRATEGY_NAME.pattern, '["basis_carry"]')] = None
    limits: _Limits | None = None  # type: ignore[valid-type]
    strategies: dict[str, dict[str, Any]] | None = None
    venue: Any = None
    """Checked by `read_wires`: what may stand in a table depends on its kind."""


ProfileModel = create_model("Profile", __base__=_ProfileBase, **_SECTION_MODELS)


def _strategy(root: tuple[str, ...], name: str, content: Mapping[str, Any]) -> str:
    """Check one strategy by the parameters of its own kind; the kind."""
    path = (*root, "strategies", name)
    if not STRATEGY_NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise SettingsError(_dotted(path), None, "a name such as funding_arb, not a section's")
    said = content.get("kind", name if name in STRATEGY_KINDS else None)
    try:
        # Of an unknown kind the first model says so: its own check of `kind` comes before anything else.
        _STRATEGIES.get(str(said), _STRATEGIES[STRATEGY_KINDS[0]]).model_validate(content)
    except ValidationError as error:
        raise _refusal(root, error, ("strategies", name), said) from None
    if said is None:
        raise SettingsError(_dotted((*path, "kind")), None, f"one of: {', '.join(STRATEGY_KINDS)}")
    return str(said)


def _given(root: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[Given]:
    """The checked table as parameters, in the file's order."""
    for section, content in table.items():
        if section == "strategies":
            for name, fields in content.items():
                for field, value in fields.items():
                    if field != "kind":
                        yield Given(f"{name}.{field}", value, (*root, section, name, field))
        elif section == "limits":
            yield from _given_limits((*root, section), content)
        elif section in SECTIONS:
            for field, value in content.items():
                yield Given(f"{section}.{field}", value, (*root, section, field))


def _given_limits(root: tuple[str, ...], content: Mapping[str, Any]) -> Iterator[Given]:
    for field, value in content.items():
        if field == "default":
            for name, limit in value.items():
                yield Given(f"gate.default_limit.{name}", limit, (*root, field, name))
        elif field == "instrument":
            for symbol, row in value.items():
                if not SYMBOL.fullmatch(symbol):
                    raise SettingsError(
                        ".".join((*root, field, f'"{symbol}"')),
                        None,
                        "a symbol such as USDT-PERP, or SYMBOL.VENUE",
                    )
                for name, limit in row.items():
                    yield Given(f"gate.limits.{symbol}.{name}", limit, (*root, field, symbol, name))
        else:
            yield Given(f"gate.{field}", value, (*root, field))


def _refusal(
    root: tuple[str, ...], error: ValidationError, within: tuple[str, ...] = (), kind: object = None
) -> SettingsError:
    """pydantic's first fault as our one line. `within`: where in the profile the table stands that was
    checked; `kind`: of a strategy."""
    faults = error.errors(include_url=False)
    fault = next((each for each in faults if within and each["loc"] == ("kind",)), faults[0])
    location = [*within, *(str(part) for part in fault["loc"])]
    value: object = fault.get("input")
    elsewhere = _elsewhere(location, value) if fault["type"] == "extra_forbidden" else ""
    if elsewhere:
        expected = f"these settings under [{'.'.join((*root, elsewhere))}]"
    elif fault["type"] == "extra_forbidden":
        expected = _instead_of(location[-1], _known(location[:-1], kind))
    elif fault["type"] == "value_error":
        expected = str(fault.get("ctx", {}).get("error", fault["msg"]))
    elif fault["type"] in ("model_type", "dict_type"):
        expected = "a table"
    else:
        expected = fault["msg"]
    return SettingsError(_dotted((*root, *location)), value, expected)


def _elsewhere(location: list[str], value: object) -> str:
    """The table of a profile in which that stands which was written by a setting's own name: `:set` and the
    list of all settings say `gate.` and `funding_arb.`, the file says `limits` and `strategies`."""
    if not isinstance(value, Mapping):
        return ""
    if location == ["gate"]:
        return "limits"
    if len(location) == 1 and location[0] in STRATEGY_KINDS:
        return f"strategies.{location[0]}"
    if len(location) == 2 and location[0] == "limits" and SYMBOL.fullmatch(location[1]):
        return f'limits.instrument."{location[1]}"'
    return ""


def _instead_of(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.6)
    if near:
        return f"a key that exists; did you mean {near[0]}?"
    return f"one of: {', '.join(known)}"


def _known(location: list[str], kind: object = None) -> list[str]:
    """The keys that may stand in the table at `location` of a profile."""
    if not location:
        return list(ProfileModel.model_fields)
    if location[0] == "limits":
        return list((_Limits if len(location) == 1 else _Row).model_fields)
    if location[0] == "strategies":
        return list(_STRATEGIES.get(str(kind), _STRATEGIES[STRATEGY_KINDS[0]]).model_fields)
    return list(SECTIONS[location[0]])


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(f'"{part}"' if "." in part or "/" in part else part for part in path)


def _secrets(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if _SECRET.search(key):
            yield (*path, key)
        if isinstance(value, Mapping):
            yield from _secrets(value, (*path, key))
