"""ETags and the conditions on them (RFC 9110, section 13): If-Match, If-None-Match, 304 and 412."""

import hashlib

import msgspec

from burgee.errors import Fault
from burgee.surfaces.http.exchange import Answer, Call
from burgee.surfaces.http.parameters import InvalidRequestError, Parameter, Place

IF_MATCH = Parameter(
    name="If-Match",
    place=Place.HEADER,
    description='The ETag that was read (`"7"`), or `*` for anything that exists. Otherwise 412.',
    pattern=r'(\*|"[0-9]{1,15}")',
    max_length=64,
)
IF_NONE_MATCH_ANY = Parameter(
    name="If-None-Match",
    place=Place.HEADER,
    description="`*`: only create. 412 where it exists.",
    choices=("*",),
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    place=Place.HEADER,
    description="ETags that the client has; 304 where one of them is still right.",
    pattern=r'(\*|(W/)?"[!#-~]{0,80}"(, ?(W/)?"[!#-~]{0,80}"){0,7})',
    max_length=1024,
)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer asks for: the version read, anything existing, or nothing existing."""

    version: int | None = None
    must_exist: bool = False
    must_not_exist: bool = False

    @property
    def is_given(self) -> bool:
        """Whether the request had a condition at all."""
        return self.version is not None or self.must_exist or self.must_not_exist


def read_condition(call: Call) -> Condition:
    """The condition of a write. Raises InvalidRequestError where both headers are sent."""
    match, none_match = call.maybe_text("If-Match"), call.maybe_text("If-None-Match")
    if match is not None and none_match is not None:
        fault = Fault("/If-None-Match", "contradiction", "send If-Match or If-None-Match, not both")
        raise InvalidRequestError([(Place.HEADER, fault)])
    if none_match is not None:
        return Condition(must_not_exist=True)
    if match is None:
        return Condition()
    return Condition(must_exist=True) if match == "*" else Condition(version=int(match.strip('"')))


def version_tag(version: int) -> str:
    """The strong ETag of a version or revision."""
    return f'"{version}"'


def content_tag(body: bytes) -> str:
    """The strong ETag of a list or document: a hash of its bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def with_etag(answer: Answer) -> Answer:
    """The answer with an ETag, made from its bytes where it brings none."""
    if answer.header("etag") is not None:
        return answer
    return msgspec.structs.replace(answer, headers=(*answer.headers, ("etag", content_tag(answer.body))))


def unless_unchanged(answer: Answer, call: Call) -> Answer:
    """304 without a body where If-None-Match names the answer's ETag (weak comparison), else the answer."""
    sent, tag = call.maybe_text("If-None-Match"), answer.header("etag")
    if sent is None or tag is None:
        return answer
    known = {candidate.strip().removeprefix("W/") for candidate in sent.split(",")}
    if sent != "*" and tag not in known:
        return answer
    kept = tuple((name, value) for name, value in answer.headers if name != "content-type")
    return Answer(status=304, headers=kept)
