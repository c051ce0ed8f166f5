"""From a shape to a code object, through `ast` nodes: no text of a user is ever pasted into source.

The code is `def make(c0, c1, ...): def evaluate(context): ...; return evaluate`. Constants are closure cells
of `evaluate`, so that all rules of one shape share its code object. Its globals are the runtime functions
named here and nothing else: there are no builtins to reach.
"""

import ast
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from mmh3 import mmh3_32_uintdigest

from burgee.engine import fractional, loops, operators, semver
from burgee.engine.lowering import Shape
from burgee.engine.values import loose_equal, strict_equal, truthy

SHAPES = 4096
"""How many shapes keep their code object; a rule of a shape that was dropped is only compiled again."""

_FUNCTIONS: dict[str, Any] = operators.PURE | {
    "sem_ver": semver.compare,
    "starts_with": loops.starts_with,
    "ends_with": loops.ends_with,
    "missing": operators.missing,
    "missing_some": operators.missing_some,
}
_NAMES = {operator: f"operator_{place}" for place, operator in enumerate(_FUNCTIONS)}
RUNTIME: dict[str, Any] = {_NAMES[operator]: function for operator, function in _FUNCTIONS.items()} | {
    "__builtins__": {},
    "type": type,
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "dict": dict,
    "truthy": truthy,
    "loose_equal": loose_equal,
    "strict_equal": strict_equal,
    "lookup": operators.lookup,
    "version_of": semver.version_of,
    "murmur3": mmh3_32_uintdigest,
    "cbor_text": fractional.cbor_text,
    "bisect": bisect_right,
    "fractional_v2": fractional.fractional_v2,
    "fractional_v3": fractional.fractional_v3,
    "unknown_operator": loops.unknown_operator,
    "scan": loops.scan,
    **{f"loop_{name}": function for name, function in loops.LOOPS.items()},
}
FIXED = ("conclude", "failed", "whole", "seconds", "budget")
"""Closure parameters that every `make` takes before its constants."""

_COMPARE: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "=": ast.Eq,
    "!=": ast.NotEq,
    "^": ast.Eq,
    "~": ast.Eq,
}
_TYPES = {"text": ("str",), "number": ("int", "float"), "truth": ("bool",)}


@lru_cache(maxsize=SHAPES)
def code_of(shape: Shape, constants: int) -> CodeType:
    """The code object of `make` for rules of this shape with so many constants."""
    return _Writer().module(shape, constants)


def build(shape: Shape, constants: list[Any], fixed: tuple[Any, ...]) -> Callable[[Any], Any]:
    """The evaluate function of one rule. `fixed` are the values of FIXED, in order."""
    make = FunctionType(code_of(shape, len(constants)), RUNTIME)
    function: Callable[[Any], Any] = make(*fixed, *constants)
    return function


class _Writer:
    def __init__(self) -> None:
        self._temporaries = 0
        self._loops = False
        self._hoisted: dict[int, str] = {}

    def module(self, shape: Shape, constants: int) -> CodeType:
        reads = _count_reads(shape)
        self._hoisted = {place: f"a{place}" for place, count in reads.items() if count > 1}
        hoists: list[ast.stmt] = [
            ast.Assign([_store(name)], _method(_name("context"), "get", _constant(place)))
            for place, name in self._hoisted.items()
        ]
        body = [*hoists, *self.statements(shape)]
        if self._loops:
            body.insert(0, ast.Assign([_store("left")], ast.List([_name("budget")], ast.Load())))
        handler = ast.ExceptHandler(None, None, [ast.Return(_name("failed"))])
        handler.type, handler.name = _name("Exception"), "error"
        handler.body = [ast.Return(_call("failed", _name("error")))]
        guarded = ast.Try(body, [handler], [], [])
        evaluate = _function("evaluate", ["context"], [guarded])
        parameters = [*FIXED, "Exception", *(f"c{place}" for place in range(constants))]
        make = _function("make", parameters, [evaluate, ast.Return(_name("evaluate"))])
        module = ast.fix_missing_locations(ast.Module([make], []))
        outer = compile(module, "<rule>", "exec")
        return next(code for code in outer.co_consts if isinstance(code, CodeType))

    # Statements

    def statements(self, shape: Shape) -> list[ast.stmt]:
        match shape:
            case ("return", place):
                return [ast.Return(_constant(place))]
            case ("conclude", node):
                return [ast.Return(_call("conclude", self.expression(node)))]
            case ("branch", test, then, other):
                return [ast.If(self.expression(test), self.statements(then), []), *self.statements(other)]
            case ("steps", steps, last):
                written = [statement for step in steps for statement in self.step(step)]
                return [*written, *self.statements(last)]
            case ("pick", head, ends, outcomes, total):
                return self.pick(head, ends, outcomes, total)
        raise AssertionError(shape)

    def step(self, shape: Shape) -> list[ast.stmt]:
        if shape[0] == "when":
            return [ast.If(self.expression(shape[1]), self.statements(shape[2]), [])]
        _, subject, table, loose = shape
        value, found = self.temporary(), self.temporary()
        hit = ast.Assign([_store(found)], _method(_constant(table), "get", _name(value)))
        slow = ast.Assign([_store(found)], _call("scan", _name(value), _constant(loose)))
        answer = ast.If(_is_not_none(_name(found)), [ast.Return(_name(found))], [])
        return [
            ast.Assign([_store(value)], self.expression(subject)),
            ast.If(_has_type(_name(value), "text"), [hit], [slow]),
            answer,
        ]

    def pick(self, head: Shape, ends: int, outcomes: int, total: int) -> list[ast.stmt]:
        value = self.temporary()
        if head[0] == "own":
            _, kind, prefix, absent = head
            subject: ast.expr = _method(_name("context"), "get", _Text("targetingKey"))
            text: ast.expr = _name(value)
            hashed = (
                _method(ast.BinOp(_constant(prefix), ast.Add(), text), "encode")
                if kind == "v2"
                else ast.BinOp(_constant(prefix), ast.Add(), _call("cbor_text", text))
            )
            usable: ast.expr = ast.BoolOp(ast.And(), [_has_type(_name(value), "text"), _name(value)])
            otherwise: ast.stmt = ast.Return(_constant(absent))
        else:
            _, kind, node, entries, key = head
            subject = self.expression(node)
            text = _name(value)
            hashed = _method(text, "encode") if kind == "v2" else _call("cbor_text", text)
            usable = _has_type(_name(value), "text")
            arguments = ast.List([_name(value), ast.Starred(_constant(entries), ast.Load())], ast.Load())
            slow = _call(f"fractional_{kind}", _name("context"), _constant(key), arguments)
            otherwise = ast.Return(_call("conclude", slow))
        product = ast.BinOp(_call("murmur3", hashed), ast.Mult(), _constant(total))
        bucket = ast.BinOp(product, ast.RShift(), _Number(32))
        chosen = ast.Subscript(_constant(outcomes), _call("bisect", _constant(ends), bucket), ast.Load())
        return [
            ast.Assign([_store(value)], subject),
            ast.If(usable, [ast.Return(chosen)], []),
            otherwise,
        ]

    # Expressions

    def expression(self, shape: Shape) -> ast.expr:
        writer: Callable[..., ast.expr] = getattr(self, f"write_{shape[0]}")
        return writer(*shape[1:])

    def write_const(self, place: int) -> ast.expr:
        return _constant(place)

    def write_get(self, place: int) -> ast.expr:
        if place in self._hoisted:
            return _name(self._hoisted[place])
        return _method(_name("context"), "get", _constant(place))

    def write_path(self, first: int, rest: int) -> ast.expr:
        return _call("lookup", self.write_get(first), _constant(rest))

    def write_lookup(self, data: Shape, path: Shape, default: Shape) -> ast.expr:
        return _call("lookup", self.expression(data), self.expression(path), self.expression(default))

    def write_or_default(self, node: Shape, default: Shape) -> ast.expr:
        value = self.temporary()
        bound = ast.NamedExpr(_store(value), self.expression(node))
        return ast.IfExp(_is_not_none(bound), _name(value), self.expression(default))

    def write_clock(self) -> ast.expr:
        return _call("seconds")

    def write_context(self) -> ast.expr:
        return _name("context")

    def write_item(self) -> ast.expr:
        return _name("item")

    def write_whole(self, key: int) -> ast.expr:
        return _call("whole", _name("context"), _constant(key))

    def write_unknown(self, operator: int) -> ast.expr:
        return _call("unknown_operator", _constant(operator))

    def write_list(self, *items: Shape) -> ast.expr:
        return ast.List([self.expression(item) for item in items], ast.Load())

    def write_call(self, operator: str, *items: Shape) -> ast.expr:
        return _call(_NAMES[operator], *(self.expression(item) for item in items))

    def write_data_call(self, operator: str, *items: Shape) -> ast.expr:
        return self.write_call(operator, *items)

    def write_bucketed(self, function: str, data: Shape, key: int, *items: Shape) -> ast.expr:
        return _call(function, self.expression(data), _constant(key), self.write_list(*items))

    def write_not(self, node: Shape) -> ast.expr:
        return ast.UnaryOp(ast.Not(), self.expression(node))

    def write_truthy(self, node: Shape) -> ast.expr:
        return _call("truthy", self.expression(node))

    def write_and(self, *tests: Shape) -> ast.expr:
        return ast.BoolOp(ast.And(), [self.expression(test) for test in tests])

    def write_or(self, *tests: Shape) -> ast.expr:
        return ast.BoolOp(ast.Or(), [self.expression(test) for test in tests])

    def write_equals(self, kind: str, node: Shape, place: int) -> ast.expr:
        if kind == "null":
            return ast.Compare(self.expression(node), [ast.Is()], [ast.Constant(None)])
        value = self.temporary()
        typed = self.typed(kind, value, node)
        quick = ast.Compare(_name(value), [ast.Eq()], [_constant(place)])
        return ast.IfExp(typed, quick, _call("loose_equal", _name(value), _constant(place)))

    def write_same(self, kind: str, node: Shape, place: int) -> ast.expr:
        if kind == "number":
            return _call("strict_equal", self.expression(node), _constant(place))
        sign = ast.Eq() if kind == "text" else ast.Is()
        return ast.Compare(self.expression(node), [sign], [_constant(place)])

    def write_compare(self, operator: str, kind: str, node: Shape, place: int) -> ast.expr:
        value = self.temporary()
        quick = ast.Compare(_name(value), [_COMPARE[operator]()], [_constant(place)])
        slow = _call(_NAMES[operator], _name(value), _constant(place))
        return ast.IfExp(self.typed(kind, value, node), quick, slow)

    def write_one_of(self, kind: str, node: Shape, place: int) -> ast.expr:
        value = self.temporary()
        quick = ast.Compare(_name(value), [ast.In()], [_constant(place)])
        return ast.IfExp(self.typed(kind, value, node), quick, ast.Constant(False))

    def write_part_of(self, node: Shape, place: int) -> ast.expr:
        value = self.temporary()
        quick = ast.Compare(_name(value), [ast.In()], [_constant(place)])
        slow = _call(_NAMES["in"], _name(value), _constant(place))
        return ast.IfExp(self.typed("text", value, node), quick, slow)

    def write_prefixed(self, place: int, node: Shape) -> ast.expr:
        value = self.temporary()
        quick = ast.BinOp(_constant(place), ast.Add(), _name(value))
        slow = _call(_NAMES["cat"], _constant(place), _name(value))
        return ast.IfExp(self.typed("text", value, node), quick, slow)

    def write_semver(self, sign: str, node: Shape, place: int) -> ast.expr:
        value = self.temporary()
        bound = ast.NamedExpr(_store(value), _call("version_of", self.expression(node)))
        left: ast.expr = _name(value)
        if sign == "^":
            left = ast.Subscript(left, _Number(0), ast.Load())
        elif sign == "~":
            left = ast.Subscript(left, ast.Slice(None, _Number(2)), ast.Load())
        compared = ast.Compare(left, [_COMPARE[sign]()], [_constant(place)])
        return ast.IfExp(_is_not_none(bound), compared, ast.Constant(None))

    def write_affix(self, operator: str, node: Shape, place: int) -> ast.expr:
        value = self.temporary()
        method = "startswith" if operator == "starts_with" else "endswith"
        quick = _method(_name(value), method, _constant(place))
        return ast.IfExp(self.typed("text", value, node), quick, ast.Constant(None))

    def write_choose(self, *parts: Shape) -> ast.expr:
        written = self.expression(parts[-1])
        for place in range(len(parts) - 3, -1, -2):
            written = ast.IfExp(self.expression(parts[place]), self.expression(parts[place + 1]), written)
        return written

    def write_operands(self, operator: str, *items: Shape) -> ast.expr:
        written = self.expression(items[-1])
        for item in reversed(items[:-1]):
            value = self.temporary()
            test: ast.expr = _call("truthy", ast.NamedExpr(_store(value), self.expression(item)))
            if operator == "and":
                test = ast.UnaryOp(ast.Not(), test)
            written = ast.IfExp(test, _name(value), written)
        return written

    def write_loop(self, operator: str, items: Shape, body: Shape) -> ast.expr:
        self._loops = True
        return _call(f"loop_{operator}", self.expression(items), self.inner(body), _name("left"))

    def write_reduce(self, items: Shape, body: Shape, start: Shape) -> ast.expr:
        self._loops = True
        arguments = [self.expression(items), self.inner(body), self.expression(start), _name("left")]
        return _call("loop_reduce", *arguments)

    def inner(self, body: Shape) -> ast.expr:
        return ast.Lambda(_parameters(["item"]), self.expression(body))

    def typed(self, kind: str, value: str, node: Shape) -> ast.expr:
        """`type(value := node) is str`, or one of the two number types."""
        return _has_type(ast.NamedExpr(_store(value), self.expression(node)), kind, value)

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"


def _has_type(value: ast.expr, kind: str, again: str | None = None) -> ast.expr:
    first, *others = _TYPES[kind]
    tests: list[ast.expr] = [ast.Compare(_call("type", value), [ast.Is()], [_name(first)])]
    tests += [ast.Compare(_call("type", _name(again or "")), [ast.Is()], [_name(other)]) for other in others]
    return ast.BoolOp(ast.Or(), tests) if others else tests[0]


def _count_reads(shape: Any) -> dict[int, int]:
    """How often each attribute is read at the top of the context."""
    counts: dict[int, int] = {}
    waiting = [shape]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, tuple):
            continue
        if len(node) > 1 and node[0] in ("get", "path"):
            counts[node[1]] = counts.get(node[1], 0) + 1
        else:
            waiting.extend(node)
    return counts


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _store(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())


def _constant(place: int) -> ast.expr:
    return _name(f"c{place}")


def _Text(text: str) -> ast.expr:  # noqa: N802
    return ast.Constant(text)


def _Number(number: int) -> ast.expr:  # noqa: N802
    return ast.Constant(number)


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(_name(function), list(arguments), [])


def _method(value: ast.expr, name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(value, name, ast.Load()), list(arguments), [])


def _is_not_none(value: ast.expr) -> ast.expr:
    return ast.Compare(value, [ast.IsNot()], [ast.Constant(None)])


def _parameters(names: list[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])


def _function(name: str, parameters: list[str], body: list[ast.stmt]) -> ast.stmt:
    return ast.FunctionDef(name, _parameters(parameters), body, [])
