"""A program: one flag set at one revision, every flag a Python function."""

from collections.abc import Callable
from typing import Any

import msgspec

from burgee.engine.codegen import build
from burgee.engine.loops import TargetingError
from burgee.engine.references import expand, is_small, measure
from burgee.engine.statements import Lowering
from burgee.engine.values import number_text
from burgee.errors import InvalidInputError
from burgee.model.flag import DEFAULT_FLAG_SET, Flag, FlagStatus, MetadataValue
from burgee.model.flag_set import FlagSet, FractionalGeneration
from burgee.model.garbage import collections_held
from burgee.model.json import JsonObject
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.resolution import ErrorCode, Reason, Resolution
from burgee.model.snapshot import Snapshot

_encode = msgspec.json.Encoder(order="sorted").encode


class CompiledFlag:
    """One flag as a function.

    `evaluate` takes any JSON object as context, never raises, and answers one of `resolutions`: always the
    same objects, each made when it is first needed. `uses_clock` tells that answers may change with time.
    """

    __slots__ = (
        "_answers",
        "_pending",
        "evaluate",
        "flag_set",
        "key",
        "source",
        "uses_clock",
        "variants",
        "version",
    )

    def __init__(self, flag: Flag, answers: "_Answers", evaluate: Callable[[JsonObject], Resolution]) -> None:
        self.key = flag.key
        self.flag_set = flag.flag_set
        self.version = flag.version
        self.variants = flag.variants
        self.source = flag
        self.evaluate = evaluate
        self._answers = answers
        self._pending: Callable[[], CompiledFlag] | None = None
        self.uses_clock = False

    @classmethod
    def deferred(
        cls, flag: Flag, answers: "_Answers", pending: Callable[[], "CompiledFlag"]
    ) -> "CompiledFlag":
        """The flag that `pending` makes, made when it is first asked or settled."""

        def first(context: JsonObject) -> Resolution:
            made.settle()
            return made.evaluate(context)

        made = cls(flag, answers, first)
        made._pending = pending
        return made

    def settle(self) -> None:
        """Compile the rule, where that was put off; `uses_clock` is right from then on."""
        pending = self._pending
        if pending is not None:
            ready = pending()
            self.evaluate, self.uses_clock = ready.evaluate, ready.uses_clock
            self._pending = None

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """Every resolution that this flag can answer by itself."""
        return self._answers.all()

    def pinned(self, variant: str | None) -> Resolution:
        """The answer of an override; for None, and a variant that does not exist, the caller's code default.

        Like the others it is always the same object, with `override: true` in its metadata.
        """
        return self._answers.pinned(variant if variant in self.variants else None)


class Program:
    """All flags of one snapshot; `flags` is ordered by key."""

    __slots__ = ("_missing", "flags", "fractional", "snapshot")

    def __init__(
        self, snapshot: Snapshot, flags: dict[str, CompiledFlag], fractional: FractionalGeneration
    ) -> None:
        self.snapshot = snapshot
        self.flags = flags
        self.fractional = fractional

    def evaluate(self, key: str, context: JsonObject) -> Resolution:
        """The resolution of one flag; FLAG_NOT_FOUND for a key that is not in the set."""
        flag = self.flags.get(key)
        return not_found(key) if flag is None else flag.evaluate(context)


def not_found(key: str) -> Resolution:
    """The resolution of a key that no flag has."""
    message = f"flag `{key}` does not exist"
    return Resolution(
        flag_key=key, reason=Reason.ERROR, error_code=ErrorCode.FLAG_NOT_FOUND, error_message=message
    )


def compile_program(
    snapshot: Snapshot,
    *,
    fractional: FractionalGeneration = FractionalGeneration.V2,
    clock: Callable[[], float],
    limits: Limits = DEFAULT_LIMITS,
    previous: Program | None = None,
    puts_off: bool = False,
) -> Program:
    """Compile every flag; those that did not change since `previous` are taken over as they are.

    The generation of the flag set goes before `fractional`. A flag that cannot be compiled is there all
    the same and answers PARSE_ERROR. `clock` gives Unix seconds. With `puts_off` a rule is compiled when its
    flag is first asked: for a process that answers a few calls, and starts anew for the next.
    """
    generation = snapshot.flag_set.fractional or fractional
    known = _reusable(snapshot.flag_set, generation, previous)
    compiler = _Compiler(snapshot.flag_set, generation, clock, limits, puts_off=puts_off)
    flags: dict[str, CompiledFlag] = {}
    with collections_held():
        for flag in sorted(snapshot.flags, key=_key):
            old = known.get(flag.key)
            if old is None or not _is_same(old.source, flag):
                old = compiler.compiled(flag)
            flags[flag.key] = old
    return Program(snapshot, flags, generation)


def _key(flag: Flag) -> str:
    return flag.key


def _is_same(one: Flag, other: Flag) -> bool:
    return one is other or (one == other and _content(one) == _content(other))


def _content(of: Flag | FlagSet) -> bytes:
    """The JSON in it, as text: to Python 1, 1.0 and True are equal, in an answer they are not."""
    parts = [of.variants, of.targeting] if isinstance(of, Flag) else [of.evaluators]
    return _encode([of.metadata, *parts])


def _reusable(
    flag_set: FlagSet, generation: FractionalGeneration, previous: Program | None
) -> dict[str, CompiledFlag]:
    if previous is None or previous.fractional is not generation:
        return {}
    before = previous.snapshot.flag_set
    same = before.key == flag_set.key and _content(before) == _content(flag_set)
    return previous.flags if same else {}


class _Answers:
    """The resolutions of one flag, each made once, when it is first needed."""

    def __init__(self, flag: Flag, metadata: dict[str, MetadataValue]) -> None:
        self._flag = flag
        self._metadata = metadata
        self._made: dict[Any, Resolution] = {}
        self._concluded: dict[str, Resolution] = {}
        self._pinned: dict[str | None, Resolution] = {}

    def all(self) -> tuple[Resolution, ...]:
        """Every resolution there can be, those made before and the rest."""
        if self._flag.status is FlagStatus.DISABLED:
            self.without_value(Reason.DISABLED)
        elif not self._flag.targeting:
            self.default(Reason.STATIC)
        else:
            ends: tuple[Any, ...] = (None, [], *self._flag.variants)
            for value in ends:
                self.conclude(value)
            for error in (TargetingError(), None):
                self.failed(error)
        return tuple(self._made.values())

    def variant(self, name: str, reason: Reason) -> Resolution:
        """The answer of a variant that exists."""
        made = self._made.get((reason, name))
        if made is None:
            value = self._flag.variants[name]
            made = Resolution(
                flag_key=self._flag.key,
                flag_set=self._flag.flag_set,
                reason=reason,
                value=value,
                variant=name,
                metadata=self._metadata,
            )
            self._made[reason, name] = made
        return made

    def default(self, reason: Reason) -> Resolution:
        """The answer of the default variant; without one, that of the caller's code default."""
        name = self._flag.default_variant
        if not name:
            return self.without_value(Reason.DEFAULT)
        if name not in self._flag.variants:
            return self.error(
                ErrorCode.GENERAL, f"the default variant of flag `{self._flag.key}` does not exist"
            )
        return self.variant(name, reason)

    def pinned(self, name: str | None) -> Resolution:
        """The answer of an override with that variant, or of one that leaves it to the caller."""
        made = self._pinned.get(name)
        if made is None:
            made = self._pinned[name] = Resolution(
                flag_key=self._flag.key,
                reason=Reason.TARGETING_MATCH,
                value=self._flag.variants[name] if name is not None else None,
                variant=name,
                metadata={**self._metadata, "override": True},
            )
        return made

    def without_value(self, reason: Reason) -> Resolution:
        made = self._made.get(reason)
        if made is None:
            made = Resolution(
                flag_key=self._flag.key,
                flag_set=self._flag.flag_set,
                reason=reason,
                metadata=self._metadata,
            )
            self._made[reason] = made
        return made

    def error(self, code: ErrorCode, message: str) -> Resolution:
        made = self._made.get((code, message))
        if made is None:
            made = Resolution(
                flag_key=self._flag.key,
                flag_set=self._flag.flag_set,
                reason=Reason.ERROR,
                error_code=code,
                error_message=message,
                metadata=self._metadata,
            )
            self._made[code, message] = made
        return made

    def conclude(self, value: Any) -> Resolution:
        """From what a rule gives to its resolution."""
        made = self._concluded.get(value) if type(value) is str else None
        return self._conclusion(value) if made is None else made

    def _conclusion(self, value: Any) -> Resolution:
        if value is None:
            return self.default(Reason.DEFAULT)
        if type(value) is bool:
            value = "true" if value else "false"
        elif type(value) is int or type(value) is float:
            value = number_text(value)
        if type(value) is str and value in self._flag.variants:
            made = self.variant(value, Reason.TARGETING_MATCH)
            self._concluded[value] = made
            return made
        message = f"targeting of flag `{self._flag.key}` gave a variant that does not exist"
        return self.error(ErrorCode.GENERAL, message)

    def failed(self, error: Any) -> Resolution:
        """From what a rule raised to its resolution."""
        if isinstance(error, TargetingError):
            return self.error(ErrorCode.PARSE_ERROR, f"error parsing the flag `{self._flag.key}`")
        return self.error(ErrorCode.GENERAL, f"evaluation of flag `{self._flag.key}` went over its bounds")


class _Compiler:
    def __init__(
        self,
        flag_set: FlagSet,
        generation: FractionalGeneration,
        clock: Callable[[], float],
        limits: Limits,
        *,
        puts_off: bool,
    ) -> None:
        self._puts_off = puts_off
        self._flag_set = flag_set
        self._generation = generation
        self._limits = limits
        self._metadata: dict[str, MetadataValue] = dict(flag_set.metadata)
        if flag_set.key != DEFAULT_FLAG_SET:
            self._metadata.setdefault("flagSetId", flag_set.key)

        def seconds() -> int:
            return int(clock())

        def whole(context: JsonObject, flag_key: str) -> JsonObject:
            return context | {"$flagd": {"flagKey": flag_key, "timestamp": int(clock())}}

        self._seconds = seconds
        self._whole = whole

    def compiled(self, flag: Flag) -> CompiledFlag:
        answers = _Answers(flag, self._metadata | flag.metadata if flag.metadata else self._metadata)
        if flag.status is FlagStatus.DISABLED:
            return CompiledFlag(flag, answers, _always(answers.without_value(Reason.DISABLED)))
        if not flag.targeting:
            return CompiledFlag(flag, answers, _always(answers.default(Reason.STATIC)))
        if self._puts_off:
            return CompiledFlag.deferred(flag, answers, lambda: self._tried(flag, answers))
        return self._tried(flag, answers)

    def _tried(self, flag: Flag, answers: _Answers) -> CompiledFlag:
        try:
            return self._with_rule(flag, answers)
        except (InvalidInputError, RecursionError, ValueError, TypeError) as error:
            detail = f": {error}" if isinstance(error, InvalidInputError) else ""
            message = f"error parsing the flag `{flag.key}`{detail}"
            return CompiledFlag(flag, answers, _always(answers.error(ErrorCode.PARSE_ERROR, message)))

    def _with_rule(self, flag: Flag, answers: _Answers) -> CompiledFlag:
        rule: Any = flag.targeting
        if not is_small(rule, self._limits):
            size = measure(rule)
            if size.nodes > self._limits.rule_nodes or size.depth > self._limits.json_depth:
                raise ValueError("the rule is too large")
            if size.has_reference:
                rule = expand(rule, self._flag_set.evaluators, self._limits)
        lowering = Lowering(flag.key, self._generation, answers.conclude)
        shape = lowering.outcome(rule)
        fixed = (
            answers.conclude,
            answers.failed,
            self._whole,
            self._seconds,
            self._limits.evaluation_steps,
            Exception,
        )
        compiled = CompiledFlag(flag, answers, build(shape, lowering.constants, fixed))
        compiled.uses_clock = lowering.uses_clock
        return compiled


def _always(resolution: Resolution) -> Callable[[JsonObject], Resolution]:
    def evaluate(_context: JsonObject) -> Resolution:
        return resolution

    return evaluate
