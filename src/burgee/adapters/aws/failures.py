"""What can go wrong with a call to AWS, in the words of Burgee."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from burgee.errors import UnavailableError


class RefusedCallError(Exception):
    """AWS has answered, and said no; `code` is its word for why.

    `is_certain` where the call was made once: after a retry it may be the first attempt that was carried
    out, and the second that was refused for it.
    """

    def __init__(self, code: str, *, is_certain: bool) -> None:
        self.code, self.is_certain = code, is_certain
        super().__init__(code)


class AnsweredError(Exception):
    """A service has answered with an error; `response` is that of boto3's ClientError."""

    def __init__(self, response: dict[str, Any]) -> None:
        self.response = response
        super().__init__(response["Error"]["Code"])


@contextmanager
def calling(what: str, *refusals: str) -> Iterator[None]:
    """Around one call of boto3: RefusedCallError for the codes in `refusals`.

    Raises UnavailableError for everything else that boto3 raises, with what failed, and never with what
    was sent.
    """
    try:
        yield
    except Exception as error:
        response = response_of(error)
        if response is None:
            if not is_botocore(error):
                raise
            raise UnavailableError(f"{what}: {type(error).__name__}") from error
        code = str(response.get("Error", {}).get("Code", ""))
        if code in refusals:
            retries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
            raise RefusedCallError(code, is_certain=retries == 0) from error
        raise UnavailableError(f"{what}: {code or 'refused'}") from error


def response_of(error: Exception) -> dict[str, Any] | None:
    """What a service has answered with an error, None where it has not answered."""
    if isinstance(error, AnsweredError):
        return error.response
    if not is_botocore(error):
        return None
    from botocore.exceptions import ClientError

    return dict(error.response) if isinstance(error, ClientError) else None


def is_botocore(error: Exception) -> bool:
    """Whether botocore raised `error`; asked without importing it, which takes 100 ms."""
    return any(base.__module__.startswith("botocore.") for base in type(error).__mro__)
