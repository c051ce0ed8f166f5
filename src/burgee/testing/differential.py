"""Random targeting rules with contexts to evaluate them in."""

import random
from typing import Any, NamedTuple


class Pair(NamedTuple):
    """A rule and a context to evaluate it in."""

    rule: dict[str, Any]
    context: dict[str, Any]


_ATTRIBUTES = [
    "email",
    "tier",
    "age",
    "score",
    "tags",
    "user.name",
    "user",
    "version",
    "missing",
    "flag",
    "$flagd.flagKey",
]
_TEXTS = ["a", "b", "c", "ab", "abc", "", "1", "2.0.0", "1.2.3", "1.10.0-rc.1", "x@y.z", "é", "10"]
_NUMBERS = [0, 1, 2, 3, 10, -1, 18, 0.5, 2.5, 1.0]
_VERSIONS = [
    "1.0.0",
    "2.0.0",
    "1.2.3",
    "1.10.0",
    "v1",
    "1.2",
    "2.0.0-alpha",
    "2.0.0-alpha.1",
    "1.0.0+b",
    "nope",
]


def random_pair(chance: random.Random, *, with_fractional: bool) -> Pair:
    """A rule that flagd's operators could express, and a context with some of its attributes."""
    maker = _Maker(chance, with_fractional)
    return Pair(maker.rule(), maker.context())


class _Maker:
    def __init__(self, chance: random.Random, with_fractional: bool) -> None:
        self._chance = chance
        self._fractional = with_fractional

    def context(self) -> dict[str, Any]:
        chance = self._chance
        context: dict[str, Any] = {"targetingKey": chance.choice(["u1", "u2", "user-77", "é"])}
        for name, make in (
            ("email", self.text),
            ("tier", self.text),
            ("age", self.number),
            ("score", self.scalar),
            ("tags", lambda: [self.scalar() for _ in range(chance.randrange(4))]),
            ("user", lambda: {"name": self.text(), "n": self.number()}),
            ("version", lambda: chance.choice([*_VERSIONS, 1, 1.2])),
            ("flag", lambda: chance.choice([True, False, {}, [], {"a": None}, [["a"]]])),
        ):
            if chance.random() < 0.8:
                context[name] = make()
        return context

    def text(self) -> str:
        return self._chance.choice(_TEXTS)

    def number(self) -> Any:
        return self._chance.choice(_NUMBERS)

    def scalar(self) -> Any:
        return self._chance.choice([self.text(), self.number(), True, False, None])

    def var(self) -> dict[str, Any]:
        path = self._chance.choice(_ATTRIBUTES)
        return {"var": [path, self.scalar()]} if self._chance.random() < 0.1 else {"var": path}

    def variant(self) -> Any:
        return self._chance.choice(["a", "b", "c", "true", "none", True, False, None, 1, 3])

    def rule(self) -> dict[str, Any]:
        chance = self._chance
        if chance.random() < 0.5:
            parts: list[Any] = []
            for _ in range(chance.randint(1, 4)):
                parts += [self.test(2), self.answer(1)]
            return {"if": parts + ([self.answer(1)] if chance.random() < 0.8 else [])}
        made = self.value(3)
        return made if isinstance(made, dict) and len(made) == 1 else {"if": [made, "b", "c"]}

    def answer(self, depth: int) -> Any:
        if depth > 0 and self._chance.random() < 0.3:
            return self.rule() if self._chance.random() < 0.3 else self.value(depth)
        return self.variant()

    def test(self, depth: int) -> Any:
        chance = self._chance
        match chance.randrange(12):
            case 0 | 1 | 2:
                sides = [self.var(), self.scalar()]
                chance.shuffle(sides)
                return {chance.choice(["==", "===", "!=", "!=="]): sides}
            case 3 | 4:
                return {chance.choice(["<", "<=", ">", ">="]): [self.var(), self.number()]}
            case 5:
                return {"in": [self.var(), [self.scalar() for _ in range(chance.randint(1, 4))]]}
            case 6:
                return {"in": [self.text(), self.var()]}
            case 7:
                sign = chance.choice(["=", "!=", "<", "<=", ">", ">=", "^", "~"])
                return {"sem_ver": [self.var(), sign, chance.choice(_VERSIONS)]}
            case 8:
                return {chance.choice(["starts_with", "ends_with"]): [self.var(), self.text()]}
            case 9 if depth > 0:
                return {
                    chance.choice(["and", "or"]): [self.test(depth - 1) for _ in range(chance.randint(1, 3))]
                }
            case 10 if depth > 0:
                return {chance.choice(["!", "!!"]): [self.test(depth - 1)]}
            case _:
                return self.value(depth - 1)

    def value(self, depth: int) -> Any:
        chance = self._chance
        if depth <= 0:
            return self.var() if chance.random() < 0.5 else self.scalar()
        match chance.randrange(14):
            case 0:
                return {chance.choice(["+", "*", "min", "max"]): self.values(depth, 1, 3)}
            case 1:
                return {chance.choice(["-", "/", "%"]): self.values(depth, 2, 2)}
            case 2:
                return {"cat": self.values(depth, 1, 3)}
            case 3:
                return {
                    "substr": [
                        self.value(depth - 1),
                        chance.randint(-3, 3),
                        *([2] if chance.random() < 0.5 else []),
                    ]
                }
            case 4:
                return {"if": self.values(depth, 1, 4)}
            case 5:
                return {chance.choice(["and", "or"]): self.values(depth, 1, 3)}
            case 6:
                return {"merge": self.values(depth, 1, 3)}
            case 7:
                return {"missing": [chance.choice(_ATTRIBUTES[:6]) for _ in range(2)]}
            case 8:
                return {"missing_some": [chance.randint(0, 2), ["email", "age", "missing"]]}
            case 9:
                body = {chance.choice(["==", "<", ">"]): [{"var": ""}, self.scalar()]}
                return {chance.choice(["all", "some", "none", "filter"]): [{"var": "tags"}, body]}
            case 10:
                return {"map": [{"var": "tags"}, {"+": [{"var": ""}, 1]}]}
            case 11:
                body = {"+": [{"var": "accumulator"}, {"var": "current"}]}
                return {"reduce": [{"var": "tags"}, body, 0]}
            case 12 if self._fractional:
                return self.fractional()
            case _:
                return self.test(depth - 1)

    def values(self, depth: int, least: int, most: int) -> list[Any]:
        return [self.value(depth - 1) for _ in range(self._chance.randint(least, most))]

    def fractional(self) -> dict[str, Any]:
        chance = self._chance
        entries: list[Any] = [
            [self.variant(), chance.choice([0, 1, 10, 50, -5, None, 25.0, 2.5, "1"])]
            if chance.random() < 0.9
            else [self.variant()]
            for _ in range(chance.randint(1, 4))
        ]
        if chance.random() < 0.6:
            entries.insert(0, chance.choice([self.var(), {"cat": ["seed", self.var()]}]))
        return {"fractional": entries}
