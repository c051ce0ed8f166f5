"""What of a refused evaluation belongs in the audit log; without a framework, as evaluation is."""

from collections.abc import Mapping

from burgee.errors import ForbiddenError, UnauthenticatedError
from burgee.service.refusals import RefusalKind, Refusals


def note_evaluation_refusal(refusals: Refusals, headers: Mapping[bytes, bytes], error: Exception) -> None:
    """Take note of a token that evaluation refused; of a request without one nothing."""
    if b"authorization" not in headers and b"x-api-key" not in headers:
        return
    if isinstance(error, UnauthenticatedError):
        refusals.note(RefusalKind.SIGN_IN, entity="evaluation", reason=str(error))
    elif isinstance(error, ForbiddenError):
        refusals.note(RefusalKind.ACCESS, entity="evaluation", reason=str(error), actor="unknown")
