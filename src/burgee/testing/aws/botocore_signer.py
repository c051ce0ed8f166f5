"""botocore's own signer, as the oracle of ours."""

from datetime import UTC, datetime
from typing import Any
from unittest import mock

from burgee.adapters.aws.signing import Credentials, UnsignedRequest


def botocore_headers(
    request: UnsignedRequest, credentials: Credentials, *, region: str, service: str, now: int
) -> dict[str, str]:
    """The headers that botocore adds to `request`, by names in lower case."""
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as TheirCredentials

    kind: Any = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    url = f"http://{request.host}{request.path}" + (f"?{request.query}" if request.query else "")
    theirs = AWSRequest(
        request.method, url, headers={**request.headers, "Host": request.host}, data=request.body
    )
    signer = kind(
        TheirCredentials(credentials.access_key, credentials.secret_key, credentials.token or None),
        service,
        region,
    )
    moment = datetime.fromtimestamp(now, UTC)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=moment):
        signer.add_auth(theirs)
    before = {name.lower() for name in request.headers}
    return {
        name.lower(): value
        for name, value in theirs.headers.items()
        if name.lower() not in before and name.lower() != "host"
    }


def botocore_quoted(text: str, *, safe: str) -> str:
    """`text` as botocore encodes it."""
    from botocore.compat import quote

    return str(quote(text, safe=safe))
