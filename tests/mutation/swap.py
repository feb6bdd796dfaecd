"""Puts a mutant into the running process: the code object of one function, or one constant, is exchanged.

So nothing is imported or collected anew: whoever holds the function, under whatever name, runs the mutant.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

from tests.mutation.operators import Mutant


class NotSwappable(Exception):
    """A default of a class or a signature: it cannot be exchanged in a living process."""


def install(mutant: Mutant) -> None:
    module = importlib.import_module(mutant.path.removesuffix(".py").replace("/", "."))
    compiled = compile(mutant.tree, str(module.__file__), "exec")
    if mutant.function == "MODULE":
        _constants(module, mutant)
        return
    parts = mutant.function.split(".")
    code: CodeType = compiled
    owner: object = module
    for number, part in enumerate(parts):
        code = _inner(code, part)
        found = owner.__dict__.get(part)
        function = _function(found)
        if function is not None:  # nested functions live in the code of the outermost
            function.__code__ = code
            return
        if found is None:
            raise NotSwappable(mutant.name)
        owner = found
        if number == len(parts) - 1:
            raise NotSwappable(mutant.name)


def _function(found: object) -> FunctionType | None:
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    return found if isinstance(found, FunctionType) else None


def _inner(code: CodeType, name: str) -> CodeType:
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == name:
            return constant
    raise NotSwappable(name)


def _constants(module: ModuleType, mutant: Mutant) -> None:
    """Evaluate the assignment the mutant lies in, and put its value wherever the old one was imported."""
    for statement in mutant.tree.body:
        if not statement.lineno <= mutant.line <= (statement.end_lineno or statement.lineno):
            continue
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, statement.value
        else:
            break
        if not isinstance(target, ast.Name):
            break
        old = module.__dict__[target.id]
        code = compile(ast.Expression(value), str(module.__file__), "eval")
        new = eval(code, dict(module.__dict__))
        if isinstance(old, dict) and isinstance(new, dict):
            old.clear()
            old.update(new)
            return
        for name, other in _ours():
            if other.__dict__.get(name, None) is old and name == target.id:
                other.__dict__[name] = new
        module.__dict__[target.id] = new
        return
    raise NotSwappable(mutant.name)


def _ours() -> Iterator[tuple[str, ModuleType]]:
    for key, module in list(sys.modules.items()):
        if key.startswith(("services.", "tests.")) and module is not None:
            for name in list(module.__dict__):
                yield name, module
