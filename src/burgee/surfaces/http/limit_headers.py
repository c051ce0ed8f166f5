"""The headers of a refusal that passes with time."""

import math

from burgee.errors import TooManyRequestsError


def limit_headers(error: TooManyRequestsError) -> tuple[tuple[str, str], ...]:
    """Retry-After and RateLimit-* of a refusal; its wait is in whole seconds, at least one."""
    seconds = str(max(1, math.ceil(error.retry_after)))
    return (
        ("retry-after", seconds),
        ("ratelimit-limit", str(error.limit)),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", seconds),
    )
