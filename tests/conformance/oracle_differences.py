"""Where Burgee means to answer otherwise than the published Python evaluator, as patches of that one.

A difference counts as explained only where the evaluator with these patches gives exactly Burgee's answer.
docs/reference/differences.md tells the same to users; a test holds the two together.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

apply_module = import_module("json_logic.apply")
builtins = import_module("json_logic.builtins")
custom_ops = import_module("openfeature.contrib.tools.flagd.core.targeting.custom_ops")
targeting_module = import_module("openfeature.contrib.tools.flagd.core.targeting.targeting")

original_fraction = custom_ops._parse_fraction
original_to_number = builtins.to_number
original_to_bool = builtins.to_bool
original_equals = builtins.op_equals
original_to_string = builtins.to_string


def an_empty_object_is_false(operators: dict[str, Any]) -> dict[str, Any]:
    def to_bool(value: Any = None) -> bool:
        return bool(original_to_bool(value)) and value != {}

    def not_(value: Any = None) -> bool:
        return not to_bool(value)

    return {"to_bool": to_bool, "not_": not_}


def null_equals_only_null(operators: dict[str, Any]) -> dict[str, Any]:
    def equals(data: Any = None, a: Any = None, b: Any = None, *_: Any) -> bool:
        return (a is b) if a is None or b is None else bool(original_equals(data, a, b))

    operators["=="] = equals
    operators["!="] = lambda *args: not equals(*args)
    return {}


def true_is_not_one_under_strict_equality(operators: dict[str, Any]) -> dict[str, Any]:
    def same(data: Any = None, a: Any = None, b: Any = None, *_: Any) -> bool:
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(same(None, x, y) for x, y in zip(a, b, strict=True))
        return a is b if isinstance(a, bool) or isinstance(b, bool) else bool(a == b)

    operators["==="] = same
    operators["!=="] = lambda *args: not same(*args)

    def contains(data: Any = None, needle: Any = None, haystack: Any = None, *_: Any) -> bool:
        if isinstance(haystack, list):
            return any(same(None, needle, item) for item in haystack)
        return isinstance(haystack, str) and builtins.to_string(needle) in haystack

    operators["in"] = contains
    return {}


def texts_of_values_are_those_of_javascript(operators: dict[str, Any]) -> dict[str, Any]:
    def to_string(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            if math.isnan(value):
                return "NaN"
            if math.isinf(value):
                return "Infinity" if value > 0 else "-Infinity"
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
        if isinstance(value, list):
            return ",".join("" if item is None else to_string(item) for item in value)
        return str(original_to_string(value))

    operators["cat"] = lambda data=None, *args: "".join("" if arg is None else to_string(arg) for arg in args)
    return {"to_string": to_string}


def the_remainder_has_the_sign_of_the_dividend(operators: dict[str, Any]) -> dict[str, Any]:
    def remainder(data: Any = None, a: Any = None, b: Any = None, *_: Any) -> Any:
        dividend, divisor = builtins.to_number(a), builtins.to_number(b)
        if divisor == 0 or math.isinf(dividend) or math.isnan(dividend) or math.isnan(divisor):
            return math.nan
        rest = math.fmod(dividend, divisor)
        return int(rest) if isinstance(dividend, int) and isinstance(divisor, int) else rest

    operators["%"] = remainder
    return {}


def a_truth_counts_as_a_number(operators: dict[str, Any]) -> dict[str, Any]:
    def to_number(value: Any) -> Any:
        return int(value) if isinstance(value, bool) else original_to_number(value)

    return {"to_number": to_number}


def division_by_zero_is_infinite(operators: dict[str, Any]) -> dict[str, Any]:
    def divide(data: Any = None, a: Any = None, b: Any = None, *_: Any) -> Any:
        dividend, divisor = builtins.to_number(a), builtins.to_number(b)
        if divisor == 0:
            return math.nan if dividend == 0 or math.isnan(dividend) else math.copysign(math.inf, dividend)
        return dividend / divisor

    operators["/"] = divide
    return {}


def a_whole_result_names_a_variant_without_a_point(operators: dict[str, Any]) -> dict[str, Any]:
    return {}


def a_null_weight_is_one_and_a_whole_float_is_a_weight(operators: dict[str, Any]) -> dict[str, Any]:
    def parse(entry: Any) -> Any:
        if isinstance(entry, list) and len(entry) == 2:
            weight = entry[1]
            if weight is None:
                entry = entry[:1]
            elif isinstance(weight, float) and weight.is_integer():
                entry = [entry[0], int(weight)]
        return original_fraction(entry)

    return {"_parse_fraction": parse}


def a_list_is_no_variant(operators: dict[str, Any]) -> dict[str, Any]:
    parse_before = custom_ops._parse_fraction

    def parse(entry: Any) -> Any:
        if isinstance(entry, list) and entry and isinstance(entry[0], list | dict):
            raise ValueError("a list or an object names no variant")
        return parse_before(entry)

    return {"_parse_fraction": parse}


DIFFERENCES: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (
    an_empty_object_is_false,
    null_equals_only_null,
    true_is_not_one_under_strict_equality,
    texts_of_values_are_those_of_javascript,
    the_remainder_has_the_sign_of_the_dividend,
    a_truth_counts_as_a_number,
    division_by_zero_is_infinite,
    a_whole_result_names_a_variant_without_a_point,
    a_null_weight_is_one_and_a_whole_float_is_a_weight,
    a_list_is_no_variant,
)


@contextmanager
def patched(*differences: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """The published evaluator with some of the differences patched in."""
    with ExitStack() as stack:
        operators: dict[str, Any] = dict(targeting_module.OPERATORS)
        for difference in differences:
            for name, function in difference(operators).items():
                for module in (builtins, apply_module, custom_ops):
                    if hasattr(module, name):
                        stack.enter_context(patch.object(module, name, function))
        if a_whole_result_names_a_variant_without_a_point in differences:
            original = targeting_module.jsonLogic
            stack.enter_context(
                patch.object(targeting_module, "jsonLogic", lambda *args: _named(original(*args)))
            )
        stack.enter_context(patch.object(targeting_module, "OPERATORS", operators))
        yield


def _named(result: Any) -> Any:
    whole = isinstance(result, float) and result.is_integer() and abs(result) < 1e21
    return str(int(result)) if whole else result
