"""Lists of functions whose concurrency follows the breaker."""

import pytest

from burgee.model.budget import BudgetScope
from burgee.model.limited_function import LimitedFunction, read_limited_functions


@pytest.mark.parametrize(
    ("text", "names"),
    [("", []), ("a", ["a"]), (" a , b-1_X ,", ["a", "b-1_X"]), ("x" * 64, ["x" * 64])],
)
def test_a_list_has_the_plain_names_of_functions(text: str, names: list[str]) -> None:
    assert [function.name for function in read_limited_functions(text)] == names


@pytest.mark.parametrize("text", ["a b", "a:live", "arn:aws:lambda:::f:a", "a=some", "=all", "x" * 65, "ä"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a function"):
        read_limited_functions(text)


@pytest.mark.parametrize("text", ["a,a", "a,b,a=all"])
def test_a_function_stands_there_once(text: str) -> None:
    with pytest.raises(ValueError, match="a stands there twice"):
        read_limited_functions(text)


@pytest.mark.parametrize(
    ("text", "scope", "is_stopped"),
    [
        ("a", BudgetScope.ALL, True),
        ("a", BudgetScope.MANAGEMENT, True),
        ("a=all", BudgetScope.ALL, True),
        ("a=all", BudgetScope.MANAGEMENT, False),
    ],
)
def test_a_function_of_all_is_stopped_with_everything_only(
    text: str, scope: BudgetScope, is_stopped: bool
) -> None:
    function: LimitedFunction
    (function,) = read_limited_functions(text)
    assert function.is_stopped_by(scope) is is_stopped
