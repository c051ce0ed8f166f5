"""One exit code per reaction."""

import pytest

from burgee import errors
from burgee.errors import BurgeeError, Fault
from burgee.surfaces.cli.exit_codes import ExitCode, exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInputError([Fault("", "c", "m")]), 1),
        (errors.MalformedError("c", "m"), 1),
        (errors.LimitExceededError("", "c", "m"), 1),
        (errors.ConfigurationError("m"), 2),
        (errors.NotFoundError("m"), 3),
        (errors.VersionConflictError("m", current=1), 4),
        (errors.AlreadyExistsError("m"), 4),
        (errors.KeyReservedError("m", until=1), 4),
        (errors.IdempotencyReuseError("m"), 4),
        (errors.UnauthenticatedError("m"), 5),
        (errors.ForbiddenError("m"), 5),
        (errors.ReadOnlyError("m"), 6),
        (errors.StoreFullError("m"), 6),
        (errors.StoreDamagedError("m"), 6),
        (errors.StoreRefusedError("m"), 6),
    ],
)
def test_each_error_has_its_code(error: BurgeeError, code: int) -> None:
    assert exit_code(error) == code


def test_every_class_of_the_family_was_asked_about() -> None:
    def leaves(kind: type[BurgeeError]) -> set[type[BurgeeError]]:
        below = kind.__subclasses__()
        return {kind} if not below else set().union(*(leaves(each) for each in below))

    ours = {kind for kind in leaves(BurgeeError) if kind.__module__ == "burgee.errors"}
    assert all(exit_code(kind.__new__(kind)) for kind in ours)


def test_codes_are_the_documented_numbers() -> None:
    assert {int(code) for code in ExitCode} == {0, 1, 2, 3, 4, 5, 6, 70, 130, 141}
