"""Imports point one way, flags live in experiments alone, and what compiles does so at the edge.

The files are parsed, not imported, so an import inside a function counts like one at the top.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CORE = {"core"}
SHAPES = CORE | {"cells", "engines"}
SIDES = {"losses", "metrics", "optim", "data"}
# What each part of seqlab may import from the others; a name with a dot stands for that module alone.
MAY_IMPORT = {
    "core": set(),
    "cells": CORE,
    "engines": CORE | {"cells"},
    "convert": CORE | {"cells"},
    "layers": SHAPES,
    "models": CORE | {"layers"},
    "losses": CORE,
    "metrics": CORE,
    "optim": CORE,
    "data": CORE,
    "report": CORE,
    "tasks": SHAPES | SIDES | {"layers", "models"},
    "train": CORE | {"metrics", "optim", "tasks.base", "data.batch"},
    "diagnostics": SHAPES | {"layers", "optim", "data.batch", "tasks.base", "train"},
    "sweeps": SHAPES | {"optim", "metrics", "data.batch", "tasks.base", "train"},
    # The package itself hands out a few names from where they live.
    "": {"cells", "engines"},
}
MAY_COMPILE = {"train", "diagnostics", "sweeps"}
COMPILERS = {"jax.jit", "jax.pmap", "flax.linen.jit"}
FRAMEWORKS = {"torch", "tensorflow", "keras"}
PICKLES = {"pickle", "cloudpickle", "dill", "joblib"}
# The one folder that may import another framework, to be measured beside it.
BENCHMARKS = Path("experiments/benchmarks")


def imports(tree: ast.AST) -> Iterator[str]:
    """The full name of everything that is imported: ``from a import b`` gives ``a.b``, ``import_module("a")`` a."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
            yield from (name for name in names if isinstance(name, str))


def names_in_full(tree: ast.AST) -> Iterator[str]:
    """Every dotted name, with what it was imported as replaced by what it is: ``nn.jit`` gives ``flax.linen.jit``."""
    full = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            full |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            yield ".".join([full.get(first, first), *rest])


def within(name: str, allowed: set[str]) -> bool:
    """Whether ``name`` is one of the allowed modules or lies inside one."""
    return any(name == one or name.startswith(one + ".") for one in allowed)


def problems(path: Path, source: str) -> list[str]:
    """What a file does that its place in the table forbids; ``path`` is relative to the repository."""
    tree = ast.parse(source)
    package, *inner = path.with_suffix("").parts
    # seqlab/__init__.py and modules right below seqlab have no part of their own.
    part = inner[0] if package == "seqlab" and len(inner) > 1 else ""
    never = PICKLES if BENCHMARKS in path.parents else PICKLES | FRAMEWORKS
    found = []
    for name in imports(tree):
        top, _, rest = name.partition(".")
        if top in never:
            found.append(f"imports {name}")
        if name.startswith("."):
            found.append(f"imports relatively: {name}")
        if package != "seqlab":
            continue
        if top == "experiments":
            found.append(f"imports {name}")
        if within(name, {"absl.flags", "absl.app"}):
            found.append(f"imports {name}: flags live in experiments alone")
        if top == "seqlab" and not within(rest, MAY_IMPORT.get(part, set()) | {part, "__version__"}):
            found.append(f"seqlab.{part} may not import {name}")
    if package == "seqlab" and part not in MAY_COMPILE:
        found += [f"compiles with {name}" for name in names_in_full(tree) if name in COMPILERS]
    return found


def files() -> list[Path]:
    """Every Python file of the package and of the experiments, relative to the repository."""
    return sorted(path.relative_to(ROOT) for top in ("seqlab", "experiments") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", files(), ids=str)
def test_every_file_keeps_to_the_table(path):
    assert problems(path, (ROOT / path).read_text()) == []


def test_every_part_of_the_package_is_in_the_table():
    parts = {path.parts[1] for path in files() if path.parts[0] == "seqlab" and len(path.parts) > 2}
    assert parts - MAY_IMPORT.keys() == set()
    assert {"core", "cells", "engines"} <= parts


def test_the_table_itself_has_no_cycle():
    done: set[str] = set()
    waiting = {part: {name.split(".")[0] for name in allowed} for part, allowed in MAY_IMPORT.items() if part}
    while waiting:
        ready = {part for part, needed in waiting.items() if needed <= done}
        assert ready, f"these wait for each other: {sorted(waiting)}"
        done |= ready
        waiting = {part: needed for part, needed in waiting.items() if part not in ready}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("seqlab/core/masks.py", "import seqlab.cells"),
        ("seqlab/core/masks.py", "from seqlab import cells"),
        ("seqlab/cells/gru.py", "from seqlab.engines.scan import unroll_scan"),
        ("seqlab/cells/gru.py", "def late():\n    from seqlab.engines import unroll"),
        ("seqlab/cells/gru.py", "from ..engines import unroll"),
        ("seqlab/data/batch.py", "import seqlab.tasks.base"),
        ("seqlab/train/loop.py", "from seqlab.tasks.language_model import make_task"),
        ("seqlab/train/loop.py", "from seqlab.tasks import base_of_another_kind"),
        ("seqlab/train/loop.py", "import experiments.run"),
        ("seqlab/train/loop.py", "from absl import flags"),
        ("seqlab/train/loop.py", "import absl.flags"),
        ("seqlab/train/checkpoint.py", "import pickle"),
        ("seqlab/optim/chains.py", "from torch import optim"),
        ("experiments/run.py", "import tensorflow as tf"),
        ("experiments/run.py", "import importlib\ntorch = importlib.import_module('torch')"),
        ("seqlab/engines/scan.py", "from importlib import import_module\nkeras = import_module('keras.layers')"),
        ("seqlab/benchmarks/peer.py", "import torch"),
        ("experiments/benchmarks/peer.py", "import pickle"),
        ("seqlab/engines/scan.py", "import jax\nrun = jax.jit(print)"),
        ("seqlab/engines/scan.py", "import jax\n@jax.jit\ndef run(): ..."),
        (
            "seqlab/engines/scan.py",
            "from functools import partial\nimport jax\nrun = partial(jax.jit, donate_argnums=0)",
        ),
        ("seqlab/tasks/base.py", "from jax import jit\nrun = jit(print)"),
        ("seqlab/cells/gru.py", "import flax.linen as nn\nCell = nn.jit(nn.GRUCell)"),
        ("seqlab/sweeper.py", "import seqlab.train"),
    ],
)
def test_what_the_table_forbids_is_found(path, source):
    assert problems(Path(path), source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("seqlab/cells/gru.py", "import jax\nfrom seqlab.cells.base import Cell\nfrom seqlab.core.masks import select"),
        ("seqlab/train/loop.py", "import jax\nfrom seqlab.tasks.base import Task\nrun = jax.jit(print)"),
        ("seqlab/train/loop.py", "from absl import logging"),
        ("experiments/run.py", "from absl import app, flags\nimport seqlab.report.page"),
        ("experiments/benchmarks/torch_peer.py", "import torch"),
        ("experiments/benchmarks/torch_peer.py", "import importlib\nkeras = importlib.import_module('keras')"),
    ],
)
def test_what_the_table_allows_is_let_through(path, source):
    assert problems(Path(path), source) == []
