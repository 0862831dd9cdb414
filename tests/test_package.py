"""The package as a whole: its public names, what an import loads, and who may import whom."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import complaintnlp
from complaintnlp import errors
from complaintnlp.errors import ComplaintNLPError

SOURCE = Path(complaintnlp.__file__).parent
HEAVY = {"torch", "transformers", "fastapi", "pandas", "datasets", "sklearn", "matplotlib"}

BELOW = {
    "errors": set(),
    "taxonomy": set(),
    "records": {"taxonomy"},
    "text": {"records"},
    "model": {"taxonomy"},
    "judgement": {"records", "text", "model"},
    "recovery": {"records", "taxonomy"},
    "analyzer": {"text", "judgement", "recovery"},
    "batch": {"analyzer"},
    "api": {"analyzer"},
    "training": {"analyzer"},
    "render": {"batch"},
    "__init__": {"analyzer"},
    "cli": {"__init__", "batch", "api", "training", "render"},
    "__main__": {"cli"},
}
"""For each room the rooms right below it; a room may import all that lies below."""

ONLY_IN = {
    "torch": "training",
    "transformers": "training",
    "datasets": "training",
    "sklearn": "training",
    "safetensors": "training",
    "onnx": "training",
    "matplotlib": "training",
    "fastapi": "api",
    "starlette": "api",
    "uvicorn": "api",
    "langdetect": "text",
    "typer": "cli",
}


def below(room: str) -> set[str]:
    found = {"errors"}
    for lower in BELOW[room]:
        found |= {lower} | below(lower)
    return found


def room_of(module: str) -> str:
    """Room of a dotted module name inside the package; the root's own names belong to ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at the top, in functions, and for the type checker."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = str(node.module)
            if module == "complaintnlp":
                rooms = {alias.name for alias in node.names if alias.name in BELOW}
                yield from (f"complaintnlp.{room}" for room in rooms)
                if len(rooms) < len(node.names):
                    yield module
            else:
                yield module
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            assert isinstance(node.args[0], ast.Constant), f"{path}: an import that cannot be read"
            yield str(node.args[0].value)


MODULES = sorted(SOURCE.rglob("*.py"))


def own_room(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def test_every_module_has_a_room() -> None:
    assert {own_room(path) for path in MODULES} == set(BELOW)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_nothing_imports_what_stands_above_or_beside_it(path: Path) -> None:
    room = own_room(path)
    allowed = below(room) | {room}
    for module in imports(path):
        if module.split(".")[0] != "complaintnlp":
            continue
        # The root's names are read lazily and its version is a constant, so the wings may ask for them.
        lazy = module == "complaintnlp" and "analyzer" in allowed
        assert room_of(module) in allowed or lazy, f"{room} may import {sorted(allowed)}, not {module}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_heavy_packages_stay_in_their_room(path: Path) -> None:
    for module in imports(path):
        top = module.split(".")[0]
        assert ONLY_IN.get(top, own_room(path)) == own_room(path), f"{top} belongs to {ONLY_IN.get(top)}"


def test_the_public_names() -> None:
    assert complaintnlp.__all__ == [
        "Analysis",
        "Analyzer",
        "ComplaintNLPError",
        "ConfigurationError",
        "Feedback",
        "InputFileError",
        "InvalidInputError",
        "MissingExtraError",
        "ModelFolderError",
        "__version__",
    ]
    assert all(getattr(complaintnlp, name) is not None for name in complaintnlp.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Analyser'"):
        complaintnlp.Analyser  # noqa: B018


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after ``code``."""
    program = f"import sys, json\n{code}\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        text=True,
    )
    return {name.split(".")[0] for name in json.loads(result.stderr)}


def test_an_import_loads_nothing_heavy() -> None:
    loaded = loaded_by("import complaintnlp")
    assert "complaintnlp" in loaded
    assert not loaded & (HEAVY | {"onnxruntime", "tokenizers", "langdetect", "typer"})


@pytest.mark.parametrize("text", ["The waiter spilled soup on my coat", "tmm"])
def test_analyze_loads_nothing_heavy(tiny_model: Path, text: str) -> None:
    code = """
from complaintnlp.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
    loaded = loaded_by(code, "analyze", text, "--model", str(tiny_model))
    assert "onnxruntime" in loaded
    assert not loaded & HEAVY


# --- errors

ERRORS = [
    item
    for _, item in inspect.getmembers(errors, inspect.isclass)
    if issubclass(item, Exception) and item is not ComplaintNLPError
]


def test_the_tree_of_errors_has_one_root_and_only_leaves() -> None:
    assert len(ERRORS) == 5
    for error in ERRORS:
        assert issubclass(error, ComplaintNLPError)
        assert not any(issubclass(other, error) for other in ERRORS if other is not error)
        assert error.__doc__
        assert error.__name__ in str(errors.__doc__)
        assert getattr(complaintnlp, error.__name__) is error


INTERNAL = {"RequestProblem"}
"""Travels inside the API only, from an endpoint to the handler that answers it."""


def test_no_public_error_is_defined_elsewhere() -> None:
    roots = {"Exception", "ValueError", "RuntimeError", "ComplaintNLPError", *(error.__name__ for error in ERRORS)}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            inner = not isinstance(node, ast.ClassDef) or node.name.startswith("_") or node.name in INTERNAL
            if isinstance(node, ast.ClassDef) and not inner and path.name != "errors.py":
                assert not {ast.unparse(base) for base in node.bases} & roots, node.name
