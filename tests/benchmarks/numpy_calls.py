"""NumPy's random numbers, products and solves, each call of which can be watched.

So can those that the package leaves to BLAS and LAPACK themselves, `kernels/blas_routines.py`.

The package spells products ``a @ b`` in places, which no wrapper sees: `second_copy` imports it
again with these spelt np.matmul(a, b).
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, ModuleType
from typing import Any
from unittest import mock

import numpy as np

KINDS = ("random", "products", "solves")
# what a Generator does beside drawing numbers
NOT_DRAWN = ("bit_generator", "spawn")
DRAWS = tuple(name for name in dir(np.random.Generator) if name[0] != "_" and name not in NOT_DRAWN)
PRODUCTS = ("matmul", "dot", "vdot", "inner", "vecdot", "matvec", "vecmat", "einsum", "tensordot")
SOLVES = (
    *("solve", "inv", "cholesky", "qr", "lstsq", "svd", "svdvals", "eigh", "eigvalsh"),
    *("pinv", "det", "slogdet"),
)

Function = Callable[..., Any]
# kind, name, function, arguments, keywords → what the function returns
Watcher = Callable[[str, str, Function, tuple[Any, ...], dict[str, Any]], Any]


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Calls of NumPy go to ``watcher``, those inside other calls do not.

    The arguments of a draw begin with the generator.
    """
    inside = False

    def wrap(kind: str, name: str, function: Function) -> Function:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:
                return function(*args, **kwargs)
            inside = True
            try:
                return watcher(kind, name, function, args, kwargs)
            finally:
                inside = False

        return call

    plain, default_rng = np.random.Generator, np.random.default_rng
    methods = {name: wrap("random", name, getattr(plain, name)) for name in DRAWS}
    watched: Any = type("Watched", (plain,), methods)

    def watched_rng(seed: Any = None) -> Any:
        return seed if isinstance(seed, watched) else watched(default_rng(seed).bit_generator)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(np.random, "Generator", watched))
        stack.enter_context(mock.patch.object(np.random, "default_rng", watched_rng))
        routines = importlib.import_module("moetheory.kernels.blas_routines")
        for kind, home, names in (
            ("products", np, PRODUCTS),
            ("solves", np.linalg, SOLVES),
            ("products", routines, ("add_gram",)),
            ("solves", routines, ("solve_positive",)),
        ):
            for name in names:
                wrapped = wrap(kind, name, getattr(home, name))
                stack.enter_context(mock.patch.object(home, name, wrapped))
        yield


def is_gram(operands: Sequence[object]) -> bool:
    """Whether the operands are a matrix and its own transpose, in either order."""
    if len(operands) < 2:
        return False
    left, right = operands[:2]
    return (
        isinstance(left, np.ndarray)
        and isinstance(right, np.ndarray)
        and min(left.ndim, right.ndim) >= 2
        and left.ctypes.data == right.ctypes.data
        and left.shape[-2:] == right.mT.shape[-2:]
        and left.strides[-2:] == right.mT.strides[-2:]
    )


class Spelt(ast.NodeTransformer):
    """``a @ b`` as np.matmul(a, b)."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.MatMult):
            return node
        matmul = ast.parse("__import__('numpy').matmul", mode="eval").body
        return ast.copy_location(ast.Call(matmul, [node.left, node.right], []), node)


@contextlib.contextmanager
def second_copy(package: str) -> Iterator[ModuleType]:
    """The package imported again with its products spelt out; in the end the first is back.

    What is imported meanwhile, as modules are that load late, is of the second copy.
    """
    plain = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        if name.split(".")[0] != package:
            return plain(loader, name)
        path = loader.get_filename(name)
        tree = ast.fix_missing_locations(Spelt().visit(ast.parse(loader.get_data(path))))
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code

    def own() -> list[str]:
        return [name for name in sys.modules if name.split(".")[0] == package]

    first = {name: sys.modules.pop(name) for name in own()}
    try:
        with mock.patch.object(importlib.machinery.SourceFileLoader, "get_code", get_code):
            yield importlib.import_module(package)
    finally:
        for name in own():
            del sys.modules[name]
        sys.modules.update(first)
