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


@contextmanager
def calling(what: str, *refusals: str) -> Iterator[None]:
    """Around one call of boto3: RefusedCallError for the codes in `refusals`.

    Raises UnavailableError for everything else that boto3 raises, with what failed, and never with what
    was sent.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        response: dict[str, Any] = error.response
        code = str(response.get("Error", {}).get("Code", ""))
        if code in refusals:
            retries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
            raise RefusedCallError(code, is_certain=retries == 0) from error
        raise UnavailableError(f"{what}: {code or 'refused'}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"{what}: {type(error).__name__}") from error
