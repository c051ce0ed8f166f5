"""The statements of a rule: what ends an evaluation, down to prebuilt resolutions where that is possible."""

from itertools import accumulate
from typing import Any, TypeAlias

from burgee.engine import fractional
from burgee.engine.lowering import TEST_OPERATORS, Expressions, Shape, operation

_TABLE_FROM = 3
"""How many tests of one attribute in a row are worth a dictionary."""


class Lowering(Expressions):
    """The lowering of one rule; `outcome` is its shape and `constants` what is particular to it."""

    def outcome(self, rule: Any) -> Shape:
        """The shape that returns the resolution of `rule`."""
        operator, arguments = operation(rule)
        if operator == "if" and arguments:
            return self._choices(_flattened(arguments))
        if operator == "fractional" and (picked := self._picked(arguments)) is not None:
            return picked
        node = self.value(rule)
        if node[0] == "const":
            return self._resolved(self.constants[node[1]])
        if operator in TEST_OPERATORS:
            return ("branch", node, self._resolved(True), self._resolved(False))
        return ("conclude", node)

    def _resolved(self, value: Any) -> Shape:
        return ("return", self._constant(self._conclude(value)))

    def _choices(self, arguments: list[Any]) -> Shape:
        pairs = [(arguments[i], arguments[i + 1]) for i in range(0, len(arguments) - 1, 2)]
        keyed = [_keys(condition) for condition, _ in pairs] if len(pairs) >= _TABLE_FROM else []
        last = self.outcome(arguments[-1]) if len(arguments) % 2 else self._resolved(None)
        steps: list[Shape] = []
        place = 0
        while place < len(pairs):
            run = self._table(pairs, keyed, place) if len(pairs) - place >= _TABLE_FROM else None
            if run is not None:
                shape, taken = run
                steps.append(shape)
                place += taken
                continue
            condition, then = pairs[place]
            place += 1
            test = self.test(condition)
            if test[0] == "const":
                if self.constants[test[1]]:
                    last = self.outcome(then)
                    break
                continue
            steps.append(("when", test, self.outcome(then)))
        return ("steps", tuple(steps), last) if steps else last

    def _table(
        self, pairs: list[tuple[Any, Any]], keyed: list["_Keys | None"], start: int
    ) -> tuple[Shape, int] | None:
        """A run of tests of one attribute against texts, as one dictionary from text to resolution."""
        first = keyed[start]
        if first is None or (following := keyed[start + 1]) is None or following[0] != first[0]:
            return None
        subject: Any = None
        table: dict[str, Any] = {}
        loose: list[tuple[str, Any]] = []
        taken = 0
        for place in range(start, len(pairs)):
            test, then = keyed[place], pairs[place][1]
            if test is None or test[0] != first[0] or _is_rule(then):
                break
            subject, texts, is_loose = test
            resolution = self._conclude(then)
            for text in texts:
                table.setdefault(text, resolution)
                if is_loose:
                    loose.append((text, resolution))
            taken += 1
        if taken < _TABLE_FROM:
            return None
        node = self.value({"var": subject})
        return ("table", node, self._constant(table), self._constant(tuple(loose))), taken

    def _picked(self, arguments: list[Any]) -> Shape | None:
        """A fractional over constant shares: one hash, one bisection, one resolution."""
        bare = bool(arguments) and type(arguments[0]) is list
        entries = arguments if bare else arguments[1:]
        if not arguments or any(_is_rule(entry) for entry in entries):
            return None
        chosen = fractional.shares(entries)
        if chosen is None:
            return None
        variants, weights = chosen
        kind = self._generation.value
        if bare:
            prefix = self._flag_key if kind == "v2" else b"\x82" + fractional.cbor_text(self._flag_key)
            head: Shape = ("own", kind, self._constant(prefix), self._constant(self._conclude(None)))
        else:
            subject = self.value(arguments[0])
            rest = self._constant(entries)
            head = ("given", kind, subject, rest, self._constant(self._flag_key))
        ends = tuple(self._constant(end) for end in accumulate(weights))
        outcomes = tuple(self._constant(self._conclude(variant)) for variant in variants)
        return ("pick", head, ends, outcomes, self._constant(sum(weights)))


def _is_rule(value: Any) -> bool:
    if type(value) is list:
        return any(_is_rule(item) for item in value)
    return type(value) is dict and len(value) == 1


def _flattened(arguments: list[Any]) -> list[Any]:
    """An `if` whose last alternative is another `if`, as one longer chain."""
    flat = list(arguments)
    while len(flat) % 2 and len(flat) > 1:
        operator, inner = operation(flat[-1])
        if operator != "if" or not inner:
            break
        flat[-1:] = inner
    return flat


_Keys: TypeAlias = tuple[str, list[str], bool]


def _keys(condition: Any) -> _Keys | None:
    """Path, texts and whether the test is a loose one, where `condition` compares an attribute with texts."""
    operator, arguments = operation(condition)
    if operator not in ("==", "===", "in") or len(arguments) != 2:
        return None
    left, right = arguments
    if operator != "in" and _plain_path(right) is not None:
        left, right = right, left
    path = _plain_path(left)
    texts = right if operator == "in" else [right]
    if path is None or type(texts) is not list or not all(type(text) is str for text in texts):
        return None
    return path, texts, operator == "=="


def _plain_path(rule: Any) -> str | None:
    operator, arguments = operation(rule)
    if operator != "var" or len(arguments) != 1 or type(arguments[0]) is not str:
        return None
    path = arguments[0]
    return path if path and path.split(".")[0] != "$flagd" else None
