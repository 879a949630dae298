"""The expression that says which rows are held out: `dose > 2`, `abs(a1) > 1.5 or "a 2" < 0`.

It is read as arithmetic and comparisons of actions, nothing else: it is no Python and nothing in it
is run. A name is an action, and so is a text in quotes. Features and outcome have no place in it:
rows selected by what depends on V would no longer have E[Y | A = a] = E[Y | do(A = a)].

    or, and, not    < <= > >= == !=    + - * / **    abs(...)    numbers
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, Rep4ExBenchError, UnknownNameError

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISON: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_LONGEST = 2_000  # characters; an expression of a person is far shorter


def held_out_rows(expression: str, actions: pd.DataFrame) -> Mask:
    """Return which rows the expression holds for, shape (n,).

    Args:
        expression: what is held out.
        actions: the action columns (n, k), finite numbers, by name.

    Raises:
        UnknownNameError: a name that no action has.
        DataError: anything but what the grammar above has, or no comparison.
    """
    if len(expression) > _LONGEST:
        raise DataError(f"a hold-out has at most {_LONGEST} characters, got {len(expression)}")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        with np.errstate(all="ignore"):
            found = _value(tree, actions, expression)
    except Rep4ExBenchError:
        raise
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise DataError(f"cannot read the hold-out {expression!r:.200}: {error}") from error
    if not (isinstance(found, np.ndarray) and found.dtype == bool):
        raise DataError(f"the hold-out must compare actions, as in 'dose > 2', got {expression!r}")
    return found


def _value(node: ast.expr, actions: pd.DataFrame, whole: str) -> Any:
    """Return a number or an array (n,) for a part of the expression."""
    match node:
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Compare():
            return _condition(node, actions, whole)
        case ast.Constant(value=str() as name) | ast.Name(id=name):
            return _column(name, actions)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
    return _arithmetic(node, actions, whole)


def _condition(
    node: ast.BoolOp | ast.UnaryOp | ast.Compare, actions: pd.DataFrame, whole: str
) -> Any:
    match node:
        case ast.BoolOp(op=op, values=parts):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return join.reduce([_mask(part, actions, whole) for part in parts])
        case ast.UnaryOp(operand=part):
            return ~_mask(part, actions, whole)
        case ast.Compare(left=left, ops=ops, comparators=rights) if all(
            type(op) in _COMPARISON for op in ops
        ):
            values = [_number(part, actions, whole) for part in (left, *rights)]
            pairs = zip(ops, values[:-1], values[1:], strict=True)
            return np.logical_and.reduce([_COMPARISON[type(op)](a, b) for op, a, b in pairs])
    raise _refusal(node, whole)


def _arithmetic(node: ast.expr, actions: pd.DataFrame, whole: str) -> Any:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return -_number(part, actions, whole)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            sides = [np.float64(_number(part, actions, whole)) for part in (left, right)]
            return _BINARY[type(op)](*sides)
        case ast.Call(func=ast.Name(id="abs"), args=[part], keywords=[]):
            return np.abs(_number(part, actions, whole))
    raise _refusal(node, whole)


def _refusal(node: ast.expr, whole: str) -> DataError:
    return DataError(
        f"a hold-out may have actions, numbers, abs, + - * / **, comparisons, and, or, not; "
        f"got {ast.unparse(node)!r:.80} in {whole!r:.200}"
    )


def _mask(node: ast.expr, actions: pd.DataFrame, whole: str) -> Mask:
    value = _value(node, actions, whole)
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return value
    raise DataError(f"and, or, not join comparisons, got {ast.unparse(node)!r:.80} in {whole!r}")


def _number(node: ast.expr, actions: pd.DataFrame, whole: str) -> Any:
    value = _value(node, actions, whole)
    if isinstance(value, np.ndarray) and value.dtype == bool:
        raise DataError(f"{ast.unparse(node)!r:.80} in {whole!r} is no number: use 'and' to chain")
    return value


def _column(name: str, actions: pd.DataFrame) -> FloatArray:
    if name not in actions.columns:
        raise UnknownNameError("action in the hold-out", name, actions.columns)
    return np.asarray(actions[name], dtype=np.float64)
