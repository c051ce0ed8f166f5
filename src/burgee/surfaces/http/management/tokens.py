"""Tokens: make one, and see what one's own allows."""

from burgee.errors import UnauthenticatedError
from burgee.surfaces.http.exchange import Answer, Call, json_answer
from burgee.surfaces.http.management.views import IdentityView, TokenRequest, TokenView
from burgee.surfaces.http.payloads import convert_struct, decode_object


def create_token(call: Call) -> Answer:
    """A new signed token; it is shown here and stored nowhere."""
    request = convert_struct(decode_object(call.body, call.services.limits), TokenRequest)
    access = call.services.access
    token = access.issue_token(
        request.subject,
        request.role,
        request.ttl_seconds,
        flag_sets=request.flag_sets,
        actor=call.subject,
        request_id=call.request_id,
        client=call.client,
    )
    return json_answer(TokenView(token=token, expires_at=access.authenticate(token).expires_at), status=201)


def who_am_i(call: Call) -> Answer:
    """The identity behind the credentials of this request."""
    identity = call.identity
    if identity is None:
        raise UnauthenticatedError("nobody is signed in")
    return json_answer(
        IdentityView(
            subject=identity.subject,
            role=identity.role,
            expires_at=identity.expires_at,
            flag_sets=tuple(identity.flag_sets),
        )
    )
