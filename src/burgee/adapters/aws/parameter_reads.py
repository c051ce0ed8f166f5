"""One parameter of SSM, through the small signed client."""

from collections.abc import Mapping

import msgspec

from burgee.adapters.aws.credentials import CredentialSource
from burgee.adapters.aws.signed_http import SignedClient, find_place
from burgee.errors import UnavailableError


class _Parameter(msgspec.Struct, rename="pascal"):
    value: str


class _Answer(msgspec.Struct, rename="pascal"):
    parameter: _Parameter


def read_parameter(environment: Mapping[str, str], name: str, *, credentials: CredentialSource) -> str:
    """The decrypted text of `name`. Raises UnavailableError, also where there is no such parameter."""
    client = SignedClient(find_place("ssm", environment), credentials)
    try:
        answer = client.send(
            "POST",
            "/",
            headers={"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameter"},
            body=msgspec.json.encode({"Name": name, "WithDecryption": True}),
            call="GetParameter",
        )
    finally:
        client.close()
    if answer.status != 200:
        raise UnavailableError(f"ssm answered {answer.status} for {name}")
    try:
        return msgspec.json.decode(answer.body, type=_Answer).parameter.value
    except msgspec.DecodeError as error:
        raise UnavailableError(f"ssm answered what is no parameter for {name}") from error
