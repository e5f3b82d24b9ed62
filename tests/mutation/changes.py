"""Small changes to a module's source, each of which some test has to notice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

_OPERATORS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
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
_FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_LEAVES = (ast.Raise, ast.Return, ast.Continue, ast.Break)
_UNTOUCHED = {"annotation", "returns", "decorator_list", "bases", "exc", "cause"}
"""Fields in which a change says nothing: types, and what an error says."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module."""

    line: int
    """Of the change, from 1."""
    last: int
    """Its last line: a test that reaches any of them may see it."""
    change: str
    """What stood there and what stands there now."""
    tree: ast.Module = field(repr=False)


def mutants(source: str) -> list[Mutant]:
    """Every module that differs from ``source`` in one place."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    place = {id(node): index for index, node in enumerate(nodes)}
    found: list[Mutant] = []
    for node in _touched(tree):
        for new in _changes(node):
            changed = deepcopy(tree)
            old = list(ast.walk(changed))[place[id(node)]]
            mutated = ast.fix_missing_locations(
                _Swap(old, ast.copy_location(new, node)).visit(changed)
            )
            last = getattr(node, "end_lineno", None) or _line(node)
            found.append(Mutant(_line(node), last, f"{_shown(node)} -> {_shown(new)}", mutated))
    return found


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _touched(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below one, without strings, types, and what an error says."""
    for name, value in ast.iter_fields(node):
        if name in _UNTOUCHED:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            yield child
            yield from _touched(child)


def _changes(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912 - a table of cases
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in _OPERATORS[type(operator)]:
                    ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                    yield ast.Compare(node.left, ops, node.comparators)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2 + 0.1 * (value == 0))
            yield ast.Constant(value / 2 - 0.1 * (value == 0))
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            yield ast.Call(ast.Name(_FUNCTIONS[name], ast.Load()), node.args, node.keywords)
        case ast.BinOp(op=ast.Add()):
            yield ast.BinOp(node.left, ast.Sub(), node.right)
        case ast.BinOp(op=ast.Sub()):
            yield ast.BinOp(node.left, ast.Add(), node.right)
        case ast.AugAssign() | ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.If():
            yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
            if isinstance(node.body[-1], _LEAVES) and not node.orelse:
                yield ast.Pass()
        case ast.Tuple(elts=[_, _, *_]) | ast.Set(elts=[_, _, *_]) | ast.List(elts=[_, _, *_]):
            if isinstance(getattr(node, "ctx", None), ast.Store):
                return
            for index in range(len(node.elts)):
                rest = node.elts[:index] + node.elts[index + 1 :]
                yield ast.Set(rest) if isinstance(node, ast.Set) else type(node)(rest, ast.Load())
        case ast.comprehension(ifs=[_, *_]):
            yield ast.comprehension(node.target, node.iter, [], node.is_async)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0) or _line(next(ast.iter_child_nodes(node)))


def _shown(node: ast.AST) -> str:
    text = "(nothing)" if isinstance(node, ast.Pass) else " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else text[:97] + "..."
