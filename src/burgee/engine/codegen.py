"""From a shape to a code object, through `ast` nodes: no text of a user is ever pasted into source.

The code is `def make(c0, c1, ...): def evaluate(context): ...; return evaluate`. Constants are closure cells
of `evaluate`, so that all rules of one shape share its code object. Its globals are the runtime functions
named here and nothing else: there are no builtins to reach.
"""

import ast
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from mmh3 import hash as murmur3_of_text
from mmh3 import mmh3_32_uintdigest

from burgee.engine import fractional, loops, nodes, operators, semver
from burgee.engine.lowering import Shape
from burgee.engine.values import strict_equal, truthy

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
    "len": len,
    "charged": loops.charged,
    "visiting": loops.visiting,
    "chosen": loops.chosen,
    "truthy": truthy,
    "strict_equal": strict_equal,
    "lookup": operators.lookup,
    "version_of": semver.version_of,
    "murmur3": mmh3_32_uintdigest,
    "murmur3_of_text": murmur3_of_text,
    "cbor_text": fractional.cbor_text,
    "fractional_v2": fractional.fractional_v2,
    "fractional_v3": fractional.fractional_v3,
    "unknown_operator": loops.unknown_operator,
    "scan": loops.scan,
    **{f"loop_{name}": function for name, function in loops.LOOPS.items()},
}
LONG = 64
"""From so many parts on, alternatives are called and not nested: Python compiles no deep nesting."""

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
        self._is_inner = False
        self._hoisted: dict[int, str] = {}
        self._versions: dict[Shape, str] = {}

    def module(self, shape: Shape, constants: int) -> CodeType:
        reads = _count_reads(shape)
        self._hoisted = {place: f"a{place}" for place, count in reads.items() if count > 1}
        hoists: list[ast.stmt] = [
            ast.Assign([nodes.store(name)], nodes.method(nodes.name("context"), "get", nodes.cell(place)))
            for place, name in self._hoisted.items()
        ]
        self._versions = {node: f"v{node[1]}" for node, count in _count_versions(shape).items() if count > 1}
        hoists += [
            ast.Assign([nodes.store(name)], nodes.call("version_of", self.expression(node)))
            for node, name in self._versions.items()
        ]
        body = [*hoists, *self.statements(shape)]
        if self._loops:
            body.insert(0, ast.Assign([nodes.store("left")], ast.List([nodes.name("budget")], ast.Load())))
        handler = ast.ExceptHandler(None, None, [ast.Return(nodes.name("failed"))])
        handler.type, handler.name = nodes.name("Exception"), "error"
        handler.body = [ast.Return(nodes.call("failed", nodes.name("error")))]
        guarded = ast.Try(body, [handler], [], [])
        evaluate = nodes.function("evaluate", ["context"], [guarded])
        parameters = [*FIXED, "Exception", *(f"c{place}" for place in range(constants))]
        make = nodes.function("make", parameters, [evaluate, ast.Return(nodes.name("evaluate"))])
        module = ast.fix_missing_locations(ast.Module([make], []))
        outer = compile(module, "<rule>", "exec")
        return next(code for code in outer.co_consts if isinstance(code, CodeType))

    # Statements

    def statements(self, shape: Shape) -> list[ast.stmt]:
        match shape:
            case ("return", place):
                return [ast.Return(nodes.cell(place))]
            case ("conclude", node):
                return [ast.Return(nodes.call("conclude", self.expression(node)))]
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
        hit = ast.Assign([nodes.store(found)], nodes.method(nodes.cell(table), "get", nodes.name(value)))
        slow = ast.Assign([nodes.store(found)], nodes.call("scan", nodes.name(value), nodes.cell(loose)))
        answer = ast.If(nodes.is_not_none(nodes.name(found)), [ast.Return(nodes.name(found))], [])
        return [
            ast.Assign([nodes.store(value)], self.expression(subject)),
            ast.If(_has_type(nodes.name(value), "text"), [hit], [slow]),
            answer,
        ]

    def pick(
        self, head: Shape, ends: tuple[int, ...], outcomes: tuple[int, ...], total: int
    ) -> list[ast.stmt]:
        value, bucket = self.temporary(), self.temporary()
        text = nodes.name(value)
        usable: ast.expr = _has_type(text, "text")
        if head[0] == "own":
            _, kind, prefix, absent = head
            subject: ast.expr = nodes.method(nodes.name("context"), "get", nodes.literal("targetingKey"))
            usable = ast.BoolOp(ast.And(), [usable, text])
            otherwise: ast.stmt = ast.Return(nodes.cell(absent))
            joined = text if kind == "v2" else nodes.call("cbor_text", text)
            hashed: ast.expr = ast.BinOp(nodes.cell(prefix), ast.Add(), joined)
        else:
            _, kind, node, entries, key = head
            subject = self.expression(node)
            arguments = ast.List([text, ast.Starred(nodes.cell(entries), ast.Load())], ast.Load())
            slow = nodes.call(f"fractional_{kind}", nodes.name("context"), nodes.cell(key), arguments)
            otherwise = ast.Return(nodes.call("conclude", slow))
            hashed = text if kind == "v2" else nodes.call("cbor_text", text)
        # The hash takes a text as its UTF-8 by itself.
        place = (
            nodes.call("murmur3_of_text", hashed, nodes.literal(0), nodes.literal(False))
            if kind == "v2"
            else nodes.call("murmur3", hashed)
        )
        product = ast.BinOp(place, ast.Mult(), nodes.cell(total))
        found = ast.Assign([nodes.store(bucket)], ast.BinOp(product, ast.RShift(), nodes.literal(32)))
        return [
            ast.Assign([nodes.store(value)], subject),
            ast.If(usable, [found, *_chosen(bucket, ends, outcomes)], []),
            otherwise,
        ]

    # Expressions

    def expression(self, shape: Shape) -> ast.expr:
        writer: Callable[..., ast.expr] = getattr(self, f"write_{shape[0]}")
        return writer(*shape[1:])

    def write_const(self, place: int) -> ast.expr:
        return nodes.cell(place)

    def write_get(self, place: int) -> ast.expr:
        if place in self._hoisted:
            return nodes.name(self._hoisted[place])
        return nodes.method(nodes.name("context"), "get", nodes.cell(place))

    def write_path(self, first: int, rest: int) -> ast.expr:
        return nodes.call("lookup", self.write_get(first), nodes.cell(rest))

    def write_lookup(self, data: Shape, path: Shape, default: Shape) -> ast.expr:
        return nodes.call("lookup", self.expression(data), self.expression(path), self.expression(default))

    def write_or_default(self, node: Shape, default: Shape) -> ast.expr:
        value = self.temporary()
        bound = ast.NamedExpr(nodes.store(value), self.expression(node))
        return ast.IfExp(nodes.is_not_none(bound), nodes.name(value), self.expression(default))

    def write_clock(self) -> ast.expr:
        return nodes.call("seconds")

    def write_context(self) -> ast.expr:
        return nodes.name("context")

    def write_item(self) -> ast.expr:
        return nodes.name("item")

    def write_whole(self, key: int) -> ast.expr:
        return nodes.call("whole", nodes.name("context"), nodes.cell(key))

    def write_unknown(self, operator: int) -> ast.expr:
        return nodes.call("unknown_operator", nodes.cell(operator))

    def write_list(self, *items: Shape) -> ast.expr:
        return ast.List([self.expression(item) for item in items], ast.Load())

    def write_call(self, operator: str, *items: Shape) -> ast.expr:
        return self.operation(operator, *(self.expression(item) for item in items))

    def write_data_call(self, operator: str, *items: Shape) -> ast.expr:
        return self.write_call(operator, *items)

    def write_bucketed(self, function: str, data: Shape, key: int, *items: Shape) -> ast.expr:
        return nodes.call(function, self.expression(data), nodes.cell(key), self.write_list(*items))

    def write_not(self, node: Shape) -> ast.expr:
        return ast.UnaryOp(ast.Not(), self.expression(node))

    def write_truthy(self, node: Shape) -> ast.expr:
        return nodes.call("truthy", self.expression(node))

    def write_and(self, *tests: Shape) -> ast.expr:
        return ast.BoolOp(ast.And(), [self.expression(test) for test in tests])

    def write_or(self, *tests: Shape) -> ast.expr:
        return ast.BoolOp(ast.Or(), [self.expression(test) for test in tests])

    def write_equals(self, kind: str, node: Shape, place: int) -> ast.expr:
        if kind == "null":
            return ast.Compare(self.expression(node), [ast.Is()], [nodes.literal(None)])
        value, bound = self.bind(node)
        typed = _has_type(bound, kind, value)
        quick = ast.Compare(nodes.name(value), [ast.Eq()], [nodes.cell(place)])
        return ast.IfExp(typed, quick, self.operation("==", nodes.name(value), nodes.cell(place)))

    def write_same(self, kind: str, node: Shape, place: int) -> ast.expr:
        if kind == "number":
            return nodes.call("strict_equal", self.expression(node), nodes.cell(place))
        sign = ast.Eq() if kind == "text" else ast.Is()
        return ast.Compare(self.expression(node), [sign], [nodes.cell(place)])

    def write_compare(self, operator: str, kind: str, node: Shape, place: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.Compare(nodes.name(value), [_COMPARE[operator]()], [nodes.cell(place)])
        slow = nodes.call(_NAMES[operator], nodes.name(value), nodes.cell(place))
        return ast.IfExp(_has_type(bound, kind, value), quick, slow)

    def write_one_of(self, kind: str, node: Shape, place: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.Compare(nodes.name(value), [ast.In()], [nodes.cell(place)])
        return ast.IfExp(_has_type(bound, kind, value), quick, nodes.literal(False))

    def write_part_of(self, node: Shape, place: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.Compare(nodes.name(value), [ast.In()], [nodes.cell(place)])
        slow = self.operation("in", nodes.name(value), nodes.cell(place))
        return ast.IfExp(_has_type(bound, "text", value), quick, slow)

    def write_prefixed(self, place: int, node: Shape, room: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.BinOp(nodes.cell(place), ast.Add(), nodes.name(value))
        slow = nodes.call(_NAMES["cat"], nodes.cell(place), nodes.name(value))
        fits = ast.Compare(nodes.call("len", nodes.name(value)), [ast.LtE()], [nodes.cell(room)])
        return ast.IfExp(ast.BoolOp(ast.And(), [_has_type(bound, "text", value), fits]), quick, slow)

    def write_semver(self, sign: str, node: Shape, place: int) -> ast.expr:
        known = self._versions.get(node)
        value = known or self.temporary()
        bound: ast.expr = nodes.name(value)
        if known is None:
            bound = ast.NamedExpr(nodes.store(value), nodes.call("version_of", self.expression(node)))
        left: ast.expr = nodes.name(value)
        if sign == "^":
            left = ast.Subscript(left, nodes.literal(0), ast.Load())
        elif sign == "~":
            left = ast.Subscript(left, ast.Slice(None, nodes.literal(2)), ast.Load())
        compared = ast.Compare(left, [_COMPARE[sign]()], [nodes.cell(place)])
        return ast.IfExp(nodes.is_not_none(bound), compared, nodes.literal(None))

    def write_affix(self, operator: str, node: Shape, place: int) -> ast.expr:
        value, bound = self.bind(node)
        method = "startswith" if operator == "starts_with" else "endswith"
        quick = nodes.method(nodes.name(value), method, nodes.cell(place))
        return ast.IfExp(_has_type(bound, "text", value), quick, nodes.literal(None))

    def write_choose(self, *parts: Shape) -> ast.expr:
        if len(parts) > LONG:
            ways = [ast.Lambda(nodes.parameters([]), self.expression(part)) for part in parts]
            return nodes.call("chosen", *ways)
        written = self.expression(parts[-1])
        for place in range(len(parts) - 3, -1, -2):
            written = ast.IfExp(self.expression(parts[place]), self.expression(parts[place + 1]), written)
        return written

    def write_operands(self, operator: str, *items: Shape) -> ast.expr:
        if len(items) == 1:
            return self.expression(items[0])
        # Halves, not a chain: a chain of a thousand operands would be nested deeper than Python compiles.
        middle = len(items) // 2
        value = self.temporary()
        first = self.write_operands(operator, *items[:middle])
        test: ast.expr = nodes.call("truthy", ast.NamedExpr(nodes.store(value), first))
        if operator == "and":
            test = ast.UnaryOp(ast.Not(), test)
        return ast.IfExp(test, nodes.name(value), self.write_operands(operator, *items[middle:]))

    def write_loop(self, operator: str, items: Shape, body: Shape) -> ast.expr:
        self._loops = True
        return nodes.call(f"loop_{operator}", self.expression(items), self.inner(body), nodes.name("left"))

    def write_reduce(self, items: Shape, body: Shape, start: Shape) -> ast.expr:
        self._loops = True
        arguments = [self.expression(items), self.inner(body), self.expression(start), nodes.name("left")]
        return nodes.call("loop_reduce", *arguments)

    def inner(self, body: Shape) -> ast.expr:
        outer, self._is_inner = self._is_inner, True
        try:
            return ast.Lambda(nodes.parameters(["item"]), self.expression(body))
        finally:
            self._is_inner = outer

    def operation(self, operator: str, *arguments: ast.expr) -> ast.expr:
        """A call of the function of an operator, charged for its size where it may run many times."""
        how = "charged" if operator in loops.COSTLY else "visiting" if operator in loops.VISITING else None
        if self._is_inner and how is not None:
            return nodes.call(how, nodes.name("left"), nodes.name(_NAMES[operator]), *arguments)
        return nodes.call(_NAMES[operator], *arguments)

    def bind(self, node: Shape) -> tuple[str, ast.expr]:
        """A name for the value of `node`, and the expression that gives it that name when first evaluated."""
        if node[0] == "get" and node[1] in self._hoisted:
            return self._hoisted[node[1]], nodes.name(self._hoisted[node[1]])
        value = self.temporary()
        return value, ast.NamedExpr(nodes.store(value), self.expression(node))

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"


def _chosen(bucket: str, ends: tuple[int, ...], outcomes: tuple[int, ...]) -> list[ast.stmt]:
    """The first outcome whose share ends behind the bucket; the last one where none does."""
    tests: list[ast.stmt] = [
        ast.If(
            ast.Compare(nodes.name(bucket), [ast.Lt()], [nodes.cell(end)]),
            [ast.Return(nodes.cell(outcome))],
            [],
        )
        for end, outcome in zip(ends[:-1], outcomes[:-1], strict=True)
    ]
    return [*tests, ast.Return(nodes.cell(outcomes[-1]))]


def _has_type(value: ast.expr, kind: str, again: str | None = None) -> ast.expr:
    first, *others = _TYPES[kind]
    tests: list[ast.expr] = [ast.Compare(nodes.call("type", value), [ast.Is()], [nodes.name(first)])]
    tests += [
        ast.Compare(nodes.call("type", nodes.name(again or "")), [ast.Is()], [nodes.name(other)])
        for other in others
    ]
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


def _count_versions(shape: Any) -> dict[Shape, int]:
    """How often each attribute is compared as a version at the top of the context."""
    counts: dict[Shape, int] = {}
    waiting = [shape]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
            if len(node) == 4 and node[0] == "semver" and node[2][0] == "get":
                counts[node[2]] = counts.get(node[2], 0) + 1
    return counts
