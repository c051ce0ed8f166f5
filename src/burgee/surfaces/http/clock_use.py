"""Which flags may answer differently later without any change: those whose rule can read the time."""

from collections.abc import Iterable

from burgee.engine.program import CompiledFlag, Program
from burgee.model.json import JsonValue
from burgee.service.catalogue import Catalogue

READERS = frozenset({"var", "missing", "missing_some"})
HARMLESS = "$flagd.flagKey"


def reads_clock(rule: JsonValue) -> bool:
    """Whether `rule` may see `$flagd.timestamp`. Where that cannot be told, the answer is yes.

    A reference to a named evaluator counts as reading whatever it names.
    """
    if isinstance(rule, list):
        return any(map(reads_clock, rule))
    if not isinstance(rule, dict):
        return False
    for operator, argument in rule.items():
        if operator == "$ref" or (operator in READERS and _may_name_time(operator, argument)):
            return True
        if reads_clock(argument):
            return True
    return False


def _may_name_time(operator: str, argument: JsonValue) -> bool:
    arguments: list[JsonValue] = argument if isinstance(argument, list) else [argument]
    if operator == "var":
        arguments = arguments[:1] if arguments else [""]
    elif operator == "missing_some" and len(arguments) > 1 and isinstance(arguments[1], list):
        arguments = arguments[1]
    return any(map(_names_time, arguments))


def _names_time(path: JsonValue) -> bool:
    if isinstance(path, dict | list):
        return True  # a path that is itself computed
    # The empty path is the whole context (or, in a list operator, the item).
    return isinstance(path, str) and path != HARMLESS and (path == "" or path.startswith("$flagd"))


class ClockUse:
    """Remembers the verdict for compiled flags; a flag that did not change is not looked at again."""

    def __init__(self) -> None:
        self._verdicts: dict[CompiledFlag, bool] = {}

    def any_of(self, catalogue: Catalogue, flags: Iterable[CompiledFlag]) -> bool:
        """Whether any of `flags`, all of `catalogue`, may depend on the time."""
        programs = catalogue.programs
        living = sum([len(program.flags) for program in programs.values()])
        if len(self._verdicts) > 1000 + 2 * living:
            self._verdicts.clear()
        for program in programs.values():
            self._judge(program)
        return any(map(self._verdicts.__getitem__, flags))

    def _judge(self, program: Program) -> None:
        verdicts = self._verdicts
        if all(map(verdicts.__contains__, program.flags.values())):
            return
        evaluators = reads_clock(list(program.snapshot.flag_set.evaluators.values()))
        for flag in program.snapshot.flags:
            compiled = program.flags[flag.key]
            if compiled not in verdicts:
                verdicts[compiled] = reads_clock(flag.targeting) and (
                    evaluators or _by_itself(flag.targeting)
                )


def _by_itself(rule: JsonValue) -> bool:
    """Whether a rule reads the time without the help of named evaluators."""
    return reads_clock(_without_references(rule))


def _without_references(rule: JsonValue) -> JsonValue:
    if isinstance(rule, list):
        return [_without_references(each) for each in rule]
    if isinstance(rule, dict):
        return {name: _without_references(each) for name, each in rule.items() if name != "$ref"}
    return rule
