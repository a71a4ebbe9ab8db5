"""One-line mutants of a module: an operator, a constant, a name or a keyword is another one, or a statement is missing.

Text, types, decorators, assertions and progress bars stay as they are.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}
METHODS = FUNCTIONS | {
    "amin": "amax",
    "amax": "amin",
    "argmin": "argmax",
    "argmax": "argmin",
    "sum": "mean",
    "mean": "sum",
}
BLOCKS = "body", "orelse", "finalbody", "handlers", "cases"


@dataclass(frozen=True, order=True)
class Mutant:
    """One line of a function, as `ast.unparse` writes it, and what stands in its place."""

    module: str
    function: str
    before: str
    after: str

    def rank(self, seed: int) -> str:
        """By which a sample is chosen, so that a mutant stays in it when other lines change."""
        return sha256(repr((seed, self)).encode()).hexdigest()


def mutants_of(module: str, source: str) -> dict[Mutant, int]:
    """All mutants of a module, each with its number."""
    tree = ast.parse(source)
    unmutated = {id(statement): _line(statement) for statement in ast.walk(tree) if isinstance(statement, ast.stmt)}
    found: dict[Mutant, int] = {}
    for number, (function, old, new) in enumerate(_edits(tree)):
        mutant = Mutant(module, function, unmutated[id(old)], _line(new))
        if mutant.before != mutant.after:  # Among several alike, `return None` may be taken for another.
            found.setdefault(mutant, number)
    return found


def mutated(source: str, number: int) -> str:
    """The source of the mutant with this number."""
    tree = ast.parse(source)
    next(islice(_edits(tree), number, None))
    return ast.unparse(tree)


def _edits(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, ast.stmt]]:
    """Edits the tree in one way after another: the function, and its statement before and after.

    An edit lasts until the next one is asked for.
    """
    for function, block, index in _statements(tree, ""):
        statement = block[index]
        if _is_dispensable(statement):
            block[index] = ast.Pass()
            yield function, statement, block[index]
            block[index] = statement
        for node, field, new in _changes(statement):
            old = getattr(node, field)
            setattr(node, field, new)
            yield function, statement, statement
            setattr(node, field, old)


def _statements(parent: ast.AST, function: str) -> Iterator[tuple[str, list[ast.stmt], int]]:
    """Every statement, by its place in a block, with the name of the function around it."""
    for field in BLOCKS:
        block = getattr(parent, field, [])
        for index, child in enumerate(block if isinstance(block, list) else []):
            if isinstance(child, ast.stmt):
                yield function, block, index
            inside = isinstance(child, ast.FunctionDef | ast.ClassDef)
            yield from _statements(child, f"{function}.{child.name}".lstrip(".") if inside else function)


def _is_dispensable(statement: ast.stmt) -> bool:
    """Whether a statement has an effect, and the function is still sound without it; docstrings have none."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    return isinstance(statement, ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """A node in a statement, one of its fields, and what to put there."""
    if _is_untouched(node):
        return
    for child in _inside(node):
        yield from _changes(child)
    match node:
        case ast.Compare(ops=[first, *others]) if type(first) in OPERATORS:
            yield node, "ops", [OPERATORS[type(first)](), *others]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in OPERATORS:
            yield node, "op", OPERATORS[type(op)]()
        case ast.UnaryOp(op=ast.USub()):
            yield node, "op", ast.UAdd()
        case ast.UnaryOp(op=ast.Invert()):
            yield node, "op", ast.UAdd()
        case ast.Constant(value=bool(value)):
            yield node, "value", not value
        case ast.Constant(value=int(value) | float(value)):
            yield node, "value", value + 1
        case ast.Constant(value=str(value)):
            yield node, "value", f"{value}!"
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare):
            yield node, "test", ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=ast.expr()):
            yield node, "value", ast.Constant(None)
        case ast.Name(id=name) if name in FUNCTIONS:
            yield node, "id", FUNCTIONS[name]
        case ast.Attribute(attr=name) if name in METHODS:
            yield node, "attr", METHODS[name]
        case ast.Call(keywords=keywords):
            for i, keyword in enumerate(keywords):
                if keyword.arg not in (None, "strict"):
                    yield node, "keywords", keywords[:i] + keywords[i + 1 :]
        case ast.comprehension(ifs=[_, *_]):
            yield node, "ifs", []


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement or an expression; statements within a statement come by themselves."""
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "bases"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(child, ast.stmt):
                    yield child


def _is_untouched(node: ast.AST) -> bool:
    """Whether it is text, a type, a progress bar or an assertion, as `strict=True` is."""
    match node:
        case ast.JoinedStr() | ast.Raise() | ast.Expr(value=ast.Constant()) | ast.Call(func=ast.Name(id="tqdm")):
            return True
        case ast.Subscript(value=ast.Name(id=name)) | ast.BinOp(op=ast.BitOr(), right=ast.Name(id=name)):
            return name[0].isupper() or name in ("dict", "list", "tuple", "type")
    return isinstance(node, ast.Assert | ast.pattern) or (isinstance(node, ast.keyword) and node.arg == "strict")


def _line(statement: ast.stmt) -> str:
    """A statement without the statements in it."""
    bare = copy.copy(statement)
    for field in (*BLOCKS, "decorator_list"):
        if field in bare._fields:
            setattr(bare, field, [])
    return ast.unparse(bare).strip()
