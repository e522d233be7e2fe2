"""Docstrings: there is one for everything public, it speaks of arguments that exist, and its examples are true."""

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path.relative_to(ROOT) for top in ("seqlab", "experiments") for path in (ROOT / top).rglob("*.py"))
SOURCES = {path: (ROOT / path).read_text() for path in FILES}

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def public(node: ast.Module | ast.ClassDef) -> Iterator[Documented]:
    """The node itself, its public functions, its public classes and theirs."""
    yield node
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield child
        elif isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public(child)


def section(docstring: str, title: str) -> list[str]:
    """The names that a section lists: ``first, *rest: what they are`` gives ``first`` and ``rest``."""
    found = re.search(rf"^{title}:\n((?:    .*\n|\n)+)", docstring + "\n", re.MULTILINE)
    lines = found[1].splitlines() if found else []
    entries = [line.strip().partition(":")[0] for line in lines if re.match(r"    [\w*][^:]*:", line)]
    return [re.sub(r"\s*\(.*\)|\*", "", name).strip() for entry in entries for name in entry.split(",")]


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    every = function.args
    named = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
    return {argument.arg for argument in named if argument is not None}


def fields(node: ast.ClassDef) -> set[str]:
    """Names that a class has in its body or that its methods set."""
    targets = [child.target for child in node.body if isinstance(child, ast.AnnAssign)]
    targets += [target for child in node.body if isinstance(child, ast.Assign) for target in child.targets]
    of_self = {child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)}
    return {target.id for target in targets if isinstance(target, ast.Name)} | of_self


def problems(source: str) -> list[str]:
    """Where docstrings are missing, or name what does not exist."""
    found = []
    for node in public(ast.parse(source)):
        name = "module" if isinstance(node, ast.Module) else node.name
        docstring = ast.get_docstring(node)
        if not docstring:
            found.append(f"{name} has no docstring")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [f"{name} has no argument {a}" for a in section(docstring, "Args") if a not in arguments(node)]
        elif isinstance(node, ast.ClassDef):
            inits = [c for c in node.body if isinstance(c, ast.FunctionDef) and c.name == "__init__"]
            known = fields(node).union(*map(arguments, inits))
            listed = section(docstring, "Attributes") + section(docstring, "Args")
            found += [f"{name} has no attribute {a}" for a in listed if a not in known]
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_what_is_public_is_documented_by_the_names_that_it_has(path):
    assert problems(SOURCES[path]) == []


@pytest.mark.parametrize("path", [path for path in FILES if ">>>" in SOURCES[path]], ids=str)
def test_the_examples_of_a_module_are_true(path):
    module = importlib.import_module(module_name(path))
    result = doctest.testmod(module, raise_on_error=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_missing_docstrings_and_names_that_do_not_exist_are_found():
    source = '''"""Module."""
def bare(): ...
def wrong(x, *rest):
    """One.

    Args:
        x: is there.
        y, rest: one of them is not: a colon
            z: no entry, as it belongs to the entry above.
    """
class Thing:
    """Two.

    Attributes:
        here: is there.
        gone: is not.
    """
    here: int
    def method(self): ...
    def _private(self): ...
'''
    assert problems(source) == [
        "bare has no docstring",
        "wrong has no argument y",
        "Thing has no attribute gone",
        "method has no docstring",
    ]
    assert problems("x = 1") == ["module has no docstring"]
