"""What a tree of Python code is like, in figures: `python -m benchmarks.sizes mpc parties`.

The same figures stand in docs/architecture.md beside those of other projects. Public: no leading underscore,
and no double one; a method counts as documented if it overrides one that is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

Function = ast.FunctionDef | ast.AsyncFunctionDef
GENERATED = ("_pb2.py", "_pb2_grpc.py")


@dataclass
class Figures:
    """Of all files together."""

    modules: dict[str, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    documented: int = 0
    public: int = 0
    annotated: int = 0
    parameters: int = 0
    own_raises: int = 0
    other_raises: int = 0
    asserts: int = 0


def files(folders: Sequence[Path]) -> Iterator[Path]:
    """Python files of ours."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if not path.name.endswith(GENERATED) and "migrations" not in path.parts:
                yield path


def measure(folders: Sequence[Path]) -> Figures:
    """Reads the code, and runs nothing of it."""
    made = Figures()
    trees = _trees(folders)
    classes = _classes(trees)
    for path, tree in trees.items():
        made.modules[str(path)] = len(path.read_text(encoding="utf-8").splitlines())
        for node in ast.walk(tree):
            if isinstance(node, Function):
                _count_function(made, path, node)
            elif isinstance(node, ast.Raise):
                _count_raise(made, node)
            made.asserts += isinstance(node, ast.Assert)
        for _, node, owner in public(tree):
            made.public += 1
            made.documented += documented(node, owner, classes)
    return made


def _count_function(made: Figures, path: Path, node: Function) -> None:
    made.functions[f"{path}:{node.name}:{node.lineno}"] = (node.end_lineno or node.lineno) - node.lineno + 1
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    asked = [one for one in given if one.arg not in ("self", "cls")]
    made.parameters += len(asked) + 1
    made.annotated += sum(one.annotation is not None for one in asked) + (node.returns is not None)


def _count_raise(made: Figures, node: ast.Raise) -> None:
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    name = raised.id if isinstance(raised, ast.Name) else ""
    builtin = name in __builtins__ if isinstance(__builtins__, dict) else hasattr(__builtins__, name)
    made.other_raises += bool(name and builtin)
    made.own_raises += bool(name and name[0].isupper() and not builtin)


def public(tree: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef, ast.ClassDef | None]]:
    """Public classes, functions and methods: name, definition, and the class of a method."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node, None
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(method, Function) and not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method, node


def documented(
    node: Function | ast.ClassDef, owner: ast.ClassDef | None, classes: dict[str, ast.ClassDef]
) -> bool:
    """Whether it has a docstring, or overrides what has one."""
    own = ast.get_docstring(node) is not None
    return own or (owner is not None and _inherited(owner, node.name, classes))


def undocumented(folders: Sequence[Path]) -> Iterator[str]:
    """Public names without a docstring, as "file: name"."""
    trees = _trees(folders)
    classes = _classes(trees)
    for path, tree in trees.items():
        for name, node, owner in public(tree):
            if not documented(node, owner, classes):
                yield f"{path}: {name}"


def _trees(folders: Sequence[Path]) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in files(folders)}


def _classes(trees: dict[Path, ast.Module]) -> dict[str, ast.ClassDef]:
    nodes = (node for tree in trees.values() for node in ast.walk(tree))
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def _inherited(owner: ast.ClassDef, name: str, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether a class above has a documented method of that name."""
    for base in owner.bases:
        core = base.value if isinstance(base, ast.Subscript) else base
        above = classes.get(core.id) if isinstance(core, ast.Name) else None
        if above is None or above is owner:
            continue
        own = next((one for one in above.body if isinstance(one, Function) and one.name == name), None)
        if (own is not None and ast.get_docstring(own)) or _inherited(above, name, classes):
            return True
    return False


def spread(sizes: dict[str, int]) -> str:
    """How many, median, 90 %, and the largest with its name."""
    ordered = sorted(sizes.values())
    largest = max(sizes, key=lambda name: sizes[name])
    nine = ordered[int(0.9 * (len(ordered) - 1))]
    return f"{len(ordered)}; median {median(ordered):g}, 90 % {nine}, largest {sizes[largest]} ({largest})"


def main() -> None:
    """Prints the figures of the folders that are named."""
    made = measure([Path(name) for name in sys.argv[1:]])
    print(f"modules     {spread(made.modules)}")
    print(f"functions   {spread(made.functions)}")
    print(
        f"documented  {made.documented / made.public:.1%} of {made.public} public classes, functions, methods"
    )
    print(f"annotated   {made.annotated / made.parameters:.1%} of {made.parameters} parameters and returns")
    print(f"raises      {made.own_raises} own, {made.other_raises} builtin, {made.asserts} asserts")


if __name__ == "__main__":
    main()
