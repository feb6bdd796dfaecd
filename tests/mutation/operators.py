"""What a mutant is: one small change of one expression or statement, made on the syntax tree.

Changed are comparisons, logical operands, arithmetic, small constants, ZERO and ONE, min and max, any and
all, `continue` and `break`, conditions, and statements that act (calls, assignments to attributes and items).
Left alone is what only speaks: docstrings, annotations, f-strings, `text=` and its like, `raise`, `__all__`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

SPEAKING = frozenset(
    {"text", "reason", "detail", "do", "why", "unit", "subject", "rule", "detail_text", "severity"}
)
"""Keyword arguments that hold words for people (or a label that only the screen shows)."""

COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
NAMES = {"ZERO": "ONE", "ONE": "ZERO", "min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    path: str
    """Relative to the house."""
    function: str
    """Qualified name, or `MODULE` for a constant of the module."""
    line: int
    what: str
    """`before → after`, from the source."""
    tree: ast.Module
    """The whole module, mutated."""

    @property
    def name(self) -> str:
        return f"{self.path.removeprefix('services/')} {self.function}: {self.what}"


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Every mutant of a module; two that read the same in one function get a number."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for where, function, node in _walk(tree, (), "MODULE"):
        before = ast.unparse(node)
        for after in _changes(node):
            mutated = _with(tree, where, after)
            text = f"{_short(before)} → {_short(ast.unparse(after))}"
            mutant = Mutant(path, function, node.lineno, text, mutated)
            count = seen[mutant.name] = seen.get(mutant.name, 0) + 1
            if count > 1:
                mutant = Mutant(path, function, node.lineno, f"{text} #{count}", mutated)
            found.append(mutant)
    return found


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} … {text[-27:]}"


Where = tuple[str | int, ...]
"""The way from the module to a node: field names and places in lists."""
Site = tuple[Where, str, ast.expr | ast.stmt]


def _walk(node: ast.AST, where: Where, function: str) -> Iterator[Site]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = node.name if function == "MODULE" else f"{function}.{node.name}"
    elif isinstance(node, ast.expr | ast.stmt):
        yield where, function, node
    for field, value in ast.iter_fields(node):
        if _silent(node, field):
            continue
        if isinstance(value, list):
            for place, child in enumerate(value):
                if isinstance(node, ast.ClassDef) and not isinstance(child, ast.FunctionDef | ast.ClassDef):
                    continue  # fields and their defaults
                if isinstance(child, ast.AST) and not _speaks(child):
                    yield from _walk(child, (*where, field, place), function)
        elif isinstance(value, ast.AST) and not _speaks(value):
            yield from _walk(value, (*where, field), function)


def _silent(node: ast.AST, field: str) -> bool:
    """Parts that do nothing at run time, or are data of a declaration."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return field != "body"
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and t.id in ("__all__", "__slots__") for t in node.targets)
    return field == "annotation"


def _speaks(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.keyword):
        return node.arg in SPEAKING
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) and target.id in SPEAKING for target in node.targets)
    if isinstance(node, ast.AugAssign):
        return isinstance(node.target, ast.Name) and node.target.id in SPEAKING
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) >= 1:
        for place, op in enumerate(node.ops):
            for other in COMPARE[type(op)]:
                ops = list(node.ops)
                ops[place] = other()
                yield _changed(node, ops=ops)
    elif isinstance(node, ast.BoolOp):
        for place in range(len(node.values)):
            rest = [value for number, value in enumerate(node.values) if number != place]
            if _narrows(node.values[place], rest):
                continue
            yield rest[0] if len(rest) == 1 else _changed(node, values=rest)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _is_text(node):
        if ast.unparse(node.right).endswith(".sign"):
            return  # times plus or minus one is the same as divided by it
        yield _changed(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in NAMES:
        yield _changed(node, id=NAMES[node.id])
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        if _plain(node.test):
            yield _changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Continue):
        yield ast.copy_location(ast.Break(), node)
    elif isinstance(node, ast.Break):
        yield ast.copy_location(ast.Continue(), node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.copy_location(ast.Pass(), node)
    elif isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets) or isinstance(
            node, ast.AugAssign
        ):
            yield ast.copy_location(ast.Pass(), node)
    elif isinstance(node, ast.Delete):
        yield ast.copy_location(ast.Pass(), node)


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield _changed(node, value=not value)
    elif isinstance(value, int):
        yield _changed(node, value=value + 1)
    elif isinstance(value, str) and _is_number(value):
        yield _changed(node, value=f"{value}1" if "." in value else f"{value}.1")


def _is_number(text: str) -> bool:
    return bool(text) and text.replace(".", "", 1).replace("e-", "", 1).isdigit()


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _narrows(dropped: ast.expr, rest: list[ast.expr]) -> bool:
    """`x is None` beside `known(x)` says it for the type checker alone: dropping it changes nothing."""
    if not (isinstance(dropped, ast.Compare) and isinstance(dropped.ops[0], ast.Is | ast.IsNot)):
        return False
    words = f"known({ast.unparse(dropped.left)})"
    return any(words in ast.unparse(other) for other in rest)


def _plain(test: ast.expr) -> bool:
    """A condition that no other change touches."""
    return not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant)


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _with(tree: ast.AST, where: Where, after: ast.AST) -> ast.Module:
    """A copy of the tree along the way to the node, everything else shared."""

    def place(node: object, way: Where) -> object:
        if not way:
            return after
        step, rest = way[0], way[1:]
        if isinstance(node, list):
            assert isinstance(step, int)
            return [place(child, rest) if number == step else child for number, child in enumerate(node)]
        assert isinstance(step, str)
        new = copy.copy(node)
        setattr(new, step, place(getattr(node, step), rest))
        return new

    module = place(tree, where)
    assert isinstance(module, ast.Module)
    return ast.fix_missing_locations(module)
