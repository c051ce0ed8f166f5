"""The expressions of a compiled rule: from nodes of a shape to `ast` nodes."""

import ast
from collections.abc import Callable

from burgee.engine import loops, nodes
from burgee.engine.lowering import Shape
from burgee.engine.runtime import NAMES

LONG = 64
"""From so many parts on, alternatives are called and not nested: Python compiles no deep nesting."""

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


class ExpressionWriter:
    """Writes the expressions of one rule. `hoisted` and `versions` name what was read before them."""

    def __init__(self) -> None:
        self.loops = False
        self.hoisted: dict[int, str] = {}
        self.versions: dict[Shape, str] = {}
        self._temporaries = 0
        self._is_inner = False

    def expression(self, shape: Shape) -> ast.expr:
        writer: Callable[..., ast.expr] = getattr(self, f"write_{shape[0]}")
        return writer(*shape[1:])

    def write_const(self, place: int) -> ast.expr:
        return nodes.cell(place)

    def write_get(self, place: int) -> ast.expr:
        if place in self.hoisted:
            return nodes.name(self.hoisted[place])
        return nodes.method(nodes.name("context"), "get", nodes.cell(place))

    def write_path(self, first: int, rest: int) -> ast.expr:
        return nodes.call("lookup", self.write_get(first), nodes.cell(rest))

    def write_lookup(self, data: Shape, path: Shape, default: Shape) -> ast.expr:
        return nodes.call("lookup", self.expression(data), self.expression(path), self.expression(default))

    def write_far_lookup(self, data: Shape, path: Shape, default: Shape) -> ast.expr:
        parts = [self.expression(data), self.expression(path), self.expression(default)]
        return nodes.call("looked_up", nodes.name("left"), *parts)

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
        arguments = [self.expression(data), nodes.cell(key), self.write_list(*items)]
        if self._is_inner:
            return nodes.call("bucketed", nodes.name("left"), nodes.name(function), *arguments)
        return nodes.call(function, *arguments)

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
        typed = has_type(bound, kind, value)
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
        slow = self.operation(operator, nodes.name(value), nodes.cell(place))
        return ast.IfExp(has_type(bound, kind, value), quick, slow)

    def write_one_of(self, kind: str, node: Shape, place: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.Compare(nodes.name(value), [ast.In()], [nodes.cell(place)])
        return ast.IfExp(has_type(bound, kind, value), quick, nodes.literal(False))

    def write_part_of(self, node: Shape, place: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.Compare(nodes.name(value), [ast.In()], [nodes.cell(place)])
        slow = self.operation("in", nodes.name(value), nodes.cell(place))
        return ast.IfExp(has_type(bound, "text", value), quick, slow)

    def write_prefixed(self, place: int, node: Shape, room: int) -> ast.expr:
        value, bound = self.bind(node)
        quick = ast.BinOp(nodes.cell(place), ast.Add(), nodes.name(value))
        slow = nodes.call(NAMES["cat"], nodes.cell(place), nodes.name(value))
        fits = ast.Compare(nodes.call("len", nodes.name(value)), [ast.LtE()], [nodes.cell(room)])
        return ast.IfExp(ast.BoolOp(ast.And(), [has_type(bound, "text", value), fits]), quick, slow)

    def write_semver(self, sign: str, node: Shape, place: int) -> ast.expr:
        known = self.versions.get(node)
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
        return ast.IfExp(has_type(bound, "text", value), quick, nodes.literal(None))

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
        self.loops = True
        return nodes.call(f"loop_{operator}", self.expression(items), self.inner(body), nodes.name("left"))

    def write_reduce(self, items: Shape, body: Shape, start: Shape) -> ast.expr:
        self.loops = True
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
            return nodes.call(how, nodes.name("left"), nodes.name(NAMES[operator]), *arguments)
        return nodes.call(NAMES[operator], *arguments)

    def bind(self, node: Shape) -> tuple[str, ast.expr]:
        """A name for the value of `node`, and the expression that gives it that name when first evaluated."""
        if node[0] == "get" and node[1] in self.hoisted:
            return self.hoisted[node[1]], nodes.name(self.hoisted[node[1]])
        value = self.temporary()
        return value, ast.NamedExpr(nodes.store(value), self.expression(node))

    def temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"


def has_type(value: ast.expr, kind: str, again: str | None = None) -> ast.expr:
    """Whether the type of `value` is exactly one of a kind; `again` names it where it is asked twice."""
    first, *others = _TYPES[kind]
    tests: list[ast.expr] = [ast.Compare(nodes.call("type", value), [ast.Is()], [nodes.name(first)])]
    tests += [
        ast.Compare(nodes.call("type", nodes.name(again or "")), [ast.Is()], [nodes.name(other)])
        for other in others
    ]
    return ast.BoolOp(ast.Or(), tests) if others else tests[0]
