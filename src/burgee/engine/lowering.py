"""From a rule to a shape: nested tuples of node names and places, with all that is particular beside it.

Two rules of one shape share one code object. Constants, attribute names, tables and resolutions are not in
the shape but in `constants`; a node names them by their place. Folding, tables for first-match chains and
the choice of the cheapest test for a constant happen here, so that the shape says what code to write.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from burgee.engine import semver
from burgee.engine.loops import SHORT_PATH
from burgee.engine.operators import PURE
from burgee.engine.values import MAX_TEXT, EvaluationBoundError
from burgee.model.flag_set import FractionalGeneration

Shape: TypeAlias = tuple[Any, ...]

TEST_OPERATORS = frozenset({"==", "!=", "===", "!==", "<", "<=", ">", ">=", "!", "!!", "in"})
"""Operators that always give true or false."""

_LOOPS = {"map": [], "filter": [], "all": False, "some": False, "none": True}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CLOCK = "$flagd.timestamp"


class Expressions:
    """The lowering of one rule. `conclude` turns any value that a rule may give into its resolution."""

    def __init__(
        self, flag_key: str, generation: FractionalGeneration, conclude: Callable[[Any], Any]
    ) -> None:
        self.constants: list[Any] = []
        self.uses_clock = False
        self._names: dict[str, int] = {}
        self._flag_key = flag_key
        self._generation = generation
        self._conclude = conclude
        self._nested = False

    # Tests: expressions whose Python truth is the truth of the rule

    def test(self, rule: Any) -> Shape:
        """The shape of an expression that is true in Python where `rule` is true in JSONLogic."""
        operator, arguments = operation(rule)
        if operator in ("and", "or") and len(arguments) > 1:
            return self._joined(operator, arguments)
        if operator in ("!", "!!") and arguments:
            inner = self.test(arguments[0])
            if operator == "!!":
                return inner
            if inner[0] == "const":
                return self._const(not self.constants[inner[1]])
            return ("not", inner)
        node = self.value(rule)
        if node[0] == "const":
            return self._const(PURE["!!"](self.constants[node[1]]))
        if operator in TEST_OPERATORS or operator in ("all", "some", "none"):
            return node
        return node if node[0] in ("semver", "affix") else ("truthy", node)

    def _joined(self, operator: str, arguments: list[Any]) -> Shape:
        tests = [self.test(argument) for argument in arguments]
        decisive = operator == "or"
        kept: list[Shape] = []
        for test in tests:
            if test[0] != "const":
                kept.append(test)
            elif bool(self.constants[test[1]]) is decisive:
                if not kept:
                    return self._const(decisive)
                kept.append(self._const(decisive))
                break
        if not kept:
            return self._const(not decisive)
        return (operator, *kept) if len(kept) > 1 else kept[0]

    # Values

    def value(self, rule: Any) -> Shape:
        """The shape of an expression with the value of `rule`."""
        if type(rule) is list:
            if not any(type(item) is dict or type(item) is list for item in rule):
                return self._const(rule)
            return self._list([self.value(item) for item in rule])
        if type(rule) is not dict or len(rule) != 1:
            return self._const(rule)
        [(operator, arguments)] = rule.items()
        if type(arguments) is not list:
            arguments = [arguments]
        lower = _WITH_RULES.get(operator)
        if lower is not None:
            return lower(self, operator, arguments)
        items = [self.value(item) for item in arguments]
        return _WITH_VALUES.get(operator, Expressions._pure)(self, operator, items)

    def _list(self, items: list[Shape]) -> Shape:
        if all(item[0] == "const" for item in items):
            return self._const([self.constants[item[1]] for item in items])
        return ("list", *items)

    def _bucketed(self, _: str, items: list[Shape]) -> Shape:
        function = f"fractional_{self._generation.value}"
        key = self._constant("" if self._nested else self._flag_key)
        return ("bucketed", function, self._scope(), key, *items)

    def _pure(self, operator: str, items: list[Shape]) -> Shape:
        if operator not in PURE:
            return ("unknown", self._constant(operator))
        if all(item[0] == "const" for item in items):
            try:
                return self._const(PURE[operator](*(self.constants[item[1]] for item in items)))
            except EvaluationBoundError:
                return ("call", operator, *items)  # it fails where it is reached, and not before
        if len(items) == 2:
            return self._binary(operator, items[0], items[1])
        return ("call", operator, *items)

    def _binary(self, operator: str, left: Shape, right: Shape) -> Shape:
        if left[0] == "const" and operator in ("==", "!=", "===", "!==", *_FLIPPED):
            left, right = right, left
            operator = _FLIPPED.get(operator, operator)
        elif left[0] == "const" and operator == "cat" and type(self._of(left)) is str and not self._nested:
            return ("prefixed", left[1], right, self._constant(MAX_TEXT - len(self._of(left))))
        if right[0] != "const":
            return ("call", operator, left, right)
        constant = self._of(right)
        kind = _kind(constant)
        if operator in ("==", "!=", "===", "!==") and kind != "other":
            node: Shape = (
                "equals" if operator[1:] in ("=", "==") and len(operator) < 3 else "same",
                kind,
                left,
                right[1],
            )
            return ("not", node) if operator[0] == "!" else node
        if operator in _FLIPPED and kind in ("text", "number"):
            return ("compare", operator, kind, left, right[1])
        if operator == "in":
            return self._in(left, constant, right)
        return ("call", operator, left, right)

    def _in(self, needle: Shape, haystack: Any, right: Shape) -> Shape:
        if type(haystack) is str:
            return ("part_of", needle, right[1])
        if type(haystack) is list and all(type(item) is str for item in haystack):
            return ("one_of", "text", needle, self._constant(frozenset(haystack)))
        if type(haystack) is list and all(type(item) in (int, float) for item in haystack):
            return ("one_of", "number", needle, self._constant(frozenset(haystack)))
        return ("call", "in", needle, right)

    def _semver(self, _: str, items: list[Shape]) -> Shape:
        if len(items) == 3 and items[1][0] == "const" and items[2][0] == "const":
            subject, sign, key = items[0], self._of(items[1]), semver.version_of(self._of(items[2]))
            if subject[0] == "const":
                return self._const(semver.compare(*(self._of(item) for item in items)))
            if key is not None and sign in ("=", "!=", "<", "<=", ">", ">=", "^", "~"):
                bound: Any = {"^": key[0], "~": key[:2]}.get(sign, key)
                return ("semver", sign, subject, self._constant(bound))
            if self._cannot_fail(subject):
                return self._const(None)
        return ("call", "sem_ver", *items)

    @staticmethod
    def _cannot_fail(node: Shape) -> bool:
        return node[0] in ("const", "get", "path", "clock")

    def _affix(self, operator: str, items: list[Shape]) -> Shape:
        if len(items) == 2 and items[0][0] != "const" and items[1][0] == "const":
            subject, affix = items
            if type(self._of(affix)) is str:
                return ("affix", operator, subject, affix[1])
            if self._cannot_fail(subject):
                return self._const(None)
        return ("call", operator, *items)

    def _if(self, _: str, arguments: list[Any]) -> Shape:
        parts: list[Shape] = []
        for place in range(0, len(arguments) - 1, 2):
            test = self.test(arguments[place])
            if test[0] == "const" and not self._of(test):
                continue
            then = self.value(arguments[place + 1])
            if test[0] == "const":
                return ("choose", *parts, then) if parts else then
            parts += [test, then]
        last = self.value(arguments[-1]) if len(arguments) % 2 else self._const(None)
        return ("choose", *parts, last) if parts else last

    def _operands(self, operator: str, arguments: list[Any]) -> Shape:
        items = [self.value(item) for item in arguments]
        if all(item[0] == "const" for item in items):
            stop = operator == "or"
            found = None
            for item in items:
                found = self._of(item)
                if PURE["!!"](found) is stop:
                    break
            return self._const(found)
        return ("operands", operator, *items) if len(items) > 1 else items[0]

    def _loop(self, operator: str, arguments: list[Any]) -> Shape:
        if operator == "reduce":
            if not arguments:
                return self._const(None)
            start = self.value(arguments[2]) if len(arguments) > 2 else self._const(None)
            body = self._body(arguments[1] if len(arguments) > 1 else None, is_test=False)
            return ("reduce", self.value(arguments[0]), body, start)
        if len(arguments) < 2 and (operator != "map" or not arguments):
            return self._const(_LOOPS[operator])
        body = self._body(arguments[1] if len(arguments) > 1 else None, is_test=operator != "map")
        return ("loop", operator, self.value(arguments[0]), body)

    def _body(self, rule: Any, *, is_test: bool) -> Shape:
        outer, self._nested = self._nested, True
        try:
            return self.test(rule) if is_test else self.value(rule)
        finally:
            self._nested = outer

    def _absent(self, operator: str, items: list[Shape]) -> Shape:
        """`missing` and `missing_some`; paths that do not ask for `$flagd` need no copy of the data."""
        known = all(item[0] == "const" for item in items)
        plain = known and "$flagd" not in repr([self._of(item) for item in items])
        return ("data_call", operator, self._scope() if plain else self._data(), *items)

    def _var(self, _: str, arguments: list[Any]) -> Shape:
        path = self.value(arguments[0]) if arguments else self._const("")
        default = self.value(arguments[1]) if len(arguments) > 1 else None
        if path[0] != "const" or type(self._of(path)) in (list, dict):
            how = "far_lookup" if self._nested else "lookup"
            return (how, self._data(), path, default or self._const(None))
        found = self._at(self._of(path))
        return found if default is None else ("or_default", found, default)

    def _at(self, path: Any) -> Shape:
        if path is None or path == "":
            return self._data()
        text = PURE["cat"](path)
        if self._nested:
            how = "lookup" if len(text) < SHORT_PATH else "far_lookup"
            return (how, self._scope(), self._const(text), self._const(None))
        parts = text.split(".")
        if parts[0] == "$flagd":
            return self._own(text)
        name = self._name(parts[0])
        return ("get", name) if len(parts) == 1 else ("path", name, self._name(".".join(parts[1:])))

    def _own(self, path: str) -> Shape:
        if path == "$flagd.flagKey":
            return self._const(self._flag_key)
        if path == _CLOCK:
            self.uses_clock = True
            return ("clock",)
        return ("lookup", self._data(), self._const(path), self._const(None))

    def _scope(self) -> Shape:
        return ("item",) if self._nested else ("context",)

    def _data(self) -> Shape:
        """All data in sight; at the top that includes `$flagd`."""
        if self._nested:
            return ("item",)
        self.uses_clock = True
        return ("whole", self._constant(self._flag_key))

    def _of(self, node: Shape) -> Any:
        return self.constants[node[1]]

    def _const(self, value: Any) -> Shape:
        self.constants.append(value)
        return ("const", len(self.constants) - 1)

    def _constant(self, value: Any) -> int:
        self.constants.append(value)
        return len(self.constants) - 1

    def _name(self, name: str) -> int:
        """The place of an attribute name; one name has one place, so that the code reads it only once."""
        if name not in self._names:
            self._names[name] = self._constant(name)
        return self._names[name]


_WITH_RULES: dict[str, Callable[[Expressions, str, list[Any]], Shape]] = {
    "var": Expressions._var,
    "if": Expressions._if,
    **dict.fromkeys(("and", "or"), Expressions._operands),
    **dict.fromkeys((*_LOOPS, "reduce"), Expressions._loop),
}
"""How an operator is lowered that decides by itself which of its operands to evaluate."""

_WITH_VALUES: dict[str, Callable[[Expressions, str, list[Shape]], Shape]] = {
    "fractional": Expressions._bucketed,
    "sem_ver": Expressions._semver,
    **dict.fromkeys(("starts_with", "ends_with"), Expressions._affix),
    **dict.fromkeys(("missing", "missing_some"), Expressions._absent),
}
"""How an operator is lowered all of whose operands are evaluated; the pure functions are not listed."""


def operation(rule: Any) -> tuple[str | None, list[Any]]:
    """Operator and arguments of a rule; (None, []) for a literal, as an object of several members is."""
    if type(rule) is not dict or len(rule) != 1:
        return None, []
    [(operator, arguments)] = rule.items()
    return operator, arguments if type(arguments) is list else [arguments]


def _kind(constant: Any) -> str:
    if constant is None:
        return "null"
    kind = type(constant)
    if kind is bool:
        return "truth"
    return "text" if kind is str else "number" if kind in (int, float) else "other"
