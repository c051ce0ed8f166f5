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

from burgee.engine import nodes
from burgee.engine.expressions import ExpressionWriter, has_type
from burgee.engine.lowering import Shape
from burgee.engine.runtime import RUNTIME

SHAPES = 4096
"""How many shapes keep their code object; a rule of a shape that was dropped is only compiled again."""

FIXED = ("conclude", "failed", "whole", "seconds", "budget")
"""Closure parameters that every `make` takes before its constants."""


@lru_cache(maxsize=SHAPES)
def code_of(shape: Shape, constants: int) -> CodeType:
    """The code object of `make` for rules of this shape with so many constants."""
    return _Writer().module(shape, constants)


def build(shape: Shape, constants: list[Any], fixed: tuple[Any, ...]) -> Callable[[Any], Any]:
    """The evaluate function of one rule. `fixed` are the values of FIXED, in order."""
    make = FunctionType(code_of(shape, len(constants)), RUNTIME)
    function: Callable[[Any], Any] = make(*fixed, *constants)
    return function


class _Writer(ExpressionWriter):
    def module(self, shape: Shape, constants: int) -> CodeType:
        reads = _count_reads(shape)
        self.hoisted = {place: f"a{place}" for place, count in reads.items() if count > 1}
        hoists: list[ast.stmt] = [
            ast.Assign([nodes.store(name)], nodes.method(nodes.name("context"), "get", nodes.cell(place)))
            for place, name in self.hoisted.items()
        ]
        self.versions = {node: f"v{node[1]}" for node, count in _count_versions(shape).items() if count > 1}
        hoists += [
            ast.Assign([nodes.store(name)], nodes.call("version_of", self.expression(node)))
            for node, name in self.versions.items()
        ]
        body = [*hoists, *self.statements(shape)]
        if self.loops:
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
            ast.If(has_type(nodes.name(value), "text"), [hit], [slow]),
            answer,
        ]

    def pick(
        self, head: Shape, ends: tuple[int, ...], outcomes: tuple[int, ...], total: int
    ) -> list[ast.stmt]:
        value, bucket = self.temporary(), self.temporary()
        text = nodes.name(value)
        usable: ast.expr = has_type(text, "text")
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
        # As bytes: given a text with half a character, the C function would end the process.
        place = nodes.call("murmur3", nodes.method(hashed, "encode") if kind == "v2" else hashed)
        product = ast.BinOp(place, ast.Mult(), nodes.cell(total))
        found = ast.Assign([nodes.store(bucket)], ast.BinOp(product, ast.RShift(), nodes.literal(32)))
        return [
            ast.Assign([nodes.store(value)], subject),
            ast.If(usable, [found, *_chosen(bucket, ends, outcomes)], []),
            otherwise,
        ]


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
