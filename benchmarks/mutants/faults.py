"""Small faults that can be planted in a file: what a slip of the pen would make of it.

Only in the code of functions: not in docstrings, texts, errors and warnings, decorators, types and
defaults. Constants of modules and settings are choices, not slips.
"""

import ast
import dataclasses
from collections.abc import Callable, Iterator

SAME_TYPE = {"abs", "clamp", "cumsum", "detach", "exp", "flip", "log", "round", "sqrt", "square"}
"""Methods that give back what they were called on, changed."""
NEEDLESS = {"device", "dtype", "strict", "stacklevel", "non_blocking"}
"""Keywords without which nothing changes on a CPU, or only an error is lost."""
NEGATED: dict[type[ast.cmpop], str] = {
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
BOUNDARY: dict[type[ast.cmpop], str] = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}


@dataclasses.dataclass(frozen=True, order=True)
class Fault:
    """One replacement in one file.

    Attributes:
        path: The file, relative to the root.
        line: Where the replaced text begins; from 1, as editors count.
        statement: Where the statement begins that it is in.
        start, end: The replaced bytes of the file.
        new: What stands there instead.
        kind: What was done: ``sign``, ``term``, ``factor``, ``index``, ``argument``,
            ``comparison``, ``call`` or ``step``.
    """

    path: str
    line: int
    statement: int
    start: int
    end: int
    new: str
    kind: str

    @property
    def lines(self) -> set[int]:
        """Where tests must come by."""
        return {self.line, self.statement}

    def plant(self, source: str) -> str:
        """The file with the fault in it."""
        data = source.encode()
        return (data[: self.start] + self.new.encode() + data[self.end :]).decode()

    def describe(self, source: str) -> str:
        """One line: where, what kind, and what became of what."""
        old = source.encode()[self.start : self.end].decode()
        parts = [" ".join(text.split()) for text in (old, self.new)]
        return f"{self.path}:{self.line} {self.kind}: {parts[0]} -> {parts[1]}"


def faults(path: str, source: str) -> list[Fault]:
    """All faults that can be planted in a file, in its order."""
    tree = ast.parse(source)
    begins = [0]
    for line in source.encode().splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    found = set()
    for node, statement in _code(tree):
        slips = SLIPS.get(type(node))
        for part, new, kind in slips(node) if slips else ():
            if new == ast.unparse(part):
                continue
            assert part.end_lineno is not None
            assert part.end_col_offset is not None
            start = begins[part.lineno - 1] + part.col_offset
            end = begins[part.end_lineno - 1] + part.end_col_offset
            begin = part.lineno if isinstance(part, ast.stmt) else statement
            found.add(Fault(path, part.lineno, begin, start, end, new, kind))
    return sorted(found)


def _code(node: ast.AST, inside: bool = False, begin: int = 0) -> Iterator[tuple[ast.AST, int]]:
    """Nodes of what functions do, and where the statements begin that they are in."""
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr) or _is_message(node):
        return
    if isinstance(node, ast.FunctionDef):
        yield node, node.lineno
        for statement in node.body:
            yield from _code(statement, True)
        return
    if isinstance(node, ast.stmt):
        begin = node.lineno
    if inside:
        yield node, begin
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "decorator_list", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child, inside, begin)


def _is_message(node: ast.AST) -> bool:
    """A docstring, a warning or a line for the log."""
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return True
    called = node.value.func if isinstance(node.value, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in ("warn", "info", "debug", "write")


Slip = tuple[ast.expr | ast.stmt, str, str]
"""The part that is replaced, the new text, and the kind."""


def _unary(node: ast.UnaryOp) -> Iterator[Slip]:
    if isinstance(node.op, ast.Not | ast.Invert):
        yield node, _text(node.operand), "comparison"
    elif not isinstance(node.operand, ast.Constant):
        yield node, _text(node.operand), "sign"


def _terms(node: ast.BoolOp) -> Iterator[Slip]:
    yield node, _text(node.values[0]), "term"
    yield node, _text(node.values[-1]), "term"


def _comparisons(node: ast.Compare) -> Iterator[Slip]:
    if len(node.ops) > 1:
        return
    op, left, right = type(node.ops[0]), node.left, node.comparators[0]
    yield node, f"({_text(left)} {NEGATED[op]} {_text(right)})", "comparison"
    if op in BOUNDARY and (_counts(left) or _counts(right)):
        yield node, f"({_text(left)} {BOUNDARY[op]} {_text(right)})", "comparison"


def _conditions(node: ast.If | ast.IfExp) -> Iterator[Slip]:
    if isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
        yield node.test, f"(not {_text(node.test)})", "comparison"


def _steps(node: ast.AugAssign | ast.Expr) -> Iterator[Slip]:
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call):
        return
    yield node, "pass", "step"
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        other = "-" if isinstance(node.op, ast.Add) else "+"
        yield node, f"{_text(node.target)} {other}= {_text(node.value)}", "sign"


def _ignored(node: ast.FunctionDef) -> Iterator[Slip]:
    """Arguments that may be left out, as if they always were."""
    body = [statement for statement in node.body if not _is_message(statement)]
    given = node.args.posonlyargs + node.args.args
    first = len(given) - len(node.args.defaults)
    defaults = dict(zip([a.arg for a in given[first:]], node.args.defaults, strict=True))
    defaults |= {
        a.arg: default
        for a, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default is not None
    }
    for arg in given + node.args.kwonlyargs:
        optional = arg.annotation is not None and _text(arg.annotation).endswith("None)")
        used = any(isinstance(n, ast.Name) and n.id == arg.arg for n in ast.walk(node))
        if body and used and (arg.arg in defaults or optional):
            value = _text(defaults[arg.arg]) if arg.arg in defaults else "None"
            lines = [f"{arg.arg} = {value}", *ast.unparse(body[0]).splitlines()]
            yield body[0], ("\n" + " " * body[0].col_offset).join(lines), "argument"


def _operations(node: ast.BinOp) -> Iterator[Slip]:
    left, right = _text(node.left), _text(node.right)
    if any(isinstance(side, ast.List | ast.Tuple | ast.JoinedStr) for side in _sides(node)):
        return
    if any(isinstance(s, ast.Constant) and isinstance(s.value, str) for s in _sides(node)):
        return
    # A number is dropped, not what it is joined to.
    kept = right if isinstance(node.left, ast.Constant) else left
    match node.op:
        case ast.Add():
            yield node, f"({left} - {right})", "sign"
            yield node, kept, "term"
        case ast.Sub():
            yield node, f"({left} + {right})", "sign"
            yield node, kept, "term"
        case ast.Mult():
            yield node, kept, "factor"
        case ast.Div() | ast.Pow() | ast.FloorDiv() | ast.Mod():
            yield node, left, "factor"
        case ast.BitAnd() | ast.BitOr():
            yield node, left, "term"
            yield node, right, "term"
        case ast.MatMult():
            yield node, f"({right} @ {left})", "index"


def _sides(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    return node.left, node.right


def _indices(node: ast.Subscript) -> Iterator[Slip]:
    """Neighbours, the other end, the other half, the other order."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for part in parts:
        match part:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                yield part, str(value + 1 if value == 0 else value - 1), "index"
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int())):
                yield part, "0", "index"
            case ast.Slice(lower=None, upper=upper, step=None) if upper is not None:
                yield part, f"{_text(upper)}:", "index"
            case ast.Slice(lower=lower, upper=None, step=None) if lower is not None:
                yield part, f":{_text(lower)}", "index"
                if _counts(lower):
                    yield part, f"{_text(lower)} + 1:", "index"
    names = [p for p in parts if isinstance(p, ast.Name | ast.Attribute | ast.BinOp)]
    if len(parts) == len(names) == 2:
        yield node.slice, f"{_text(parts[1])}, {_text(parts[0])}", "index"


def _calls(node: ast.Call) -> Iterator[Slip]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [_text(arg) for arg in node.args]
    on = getattr(node.func, "value", None)
    if (
        name in SAME_TYPE
        and on
        and not (isinstance(on, ast.Name) and on.id in ("torch", "math", "np"))
    ):
        yield node, _text(on), "call"
    if name == "where" and len(given) == 3:
        yield node, f"{_text(node.func)}({given[0]}, {given[2]}, {given[1]})", "index"
    if name in ("min", "max") and isinstance(node.func, ast.Name) and len(given) == 2:
        yield node, f"{'min' if name == 'max' else 'max'}({', '.join(given)})", "comparison"
    if name == "range" and len(given) == 1:
        yield node, f"range(1, {given[0]})", "index"
    if name == "range" and len(given) == 2:
        yield node, f"range({given[0]} + 1, {given[1]})", "index"
    for keyword in node.keywords:
        if keyword.arg and keyword.arg not in NEEDLESS:
            rest = [ast.unparse(k) for k in node.keywords if k is not keyword]
            yield node, f"{_text(node.func)}({', '.join([*given, *rest])})", "argument"


def _counts(node: ast.expr) -> bool:
    """Whether it is a whole number for certain: off by one matters there."""
    match node:
        case ast.Constant(value=int(value)):
            return not isinstance(value, bool)
        case ast.Call(func=ast.Name(id="len" | "int")):
            return True
        case ast.Attribute(attr="horizon" | "num_frames" | "num_episodes"):
            return True
    return False


def _text(node: ast.AST) -> str:
    """Source that may stand anywhere."""
    text = ast.unparse(node)
    plain = ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript
    return text if isinstance(node, plain) else f"({text})"


SLIPS: dict[type[ast.AST], Callable[..., Iterator[Slip]]] = {
    ast.FunctionDef: _ignored,
    ast.BinOp: _operations,
    ast.UnaryOp: _unary,
    ast.BoolOp: _terms,
    ast.Compare: _comparisons,
    ast.If: _conditions,
    ast.IfExp: _conditions,
    ast.Subscript: _indices,
    ast.Call: _calls,
    ast.AugAssign: _steps,
    ast.Expr: _steps,
}
"""What can go wrong at a node of each type."""
