"""Our signatures are botocore's, over requests that nobody would write by hand."""

import pytest

pytest.importorskip("boto3")

from hypothesis import example, given, settings
from hypothesis import strategies as st

from burgee.adapters.aws.signing import Credentials, UnsignedRequest, quoted, sign
from burgee.testing.aws.botocore_signer import botocore_headers, botocore_quoted

pytestmark = pytest.mark.aws

SEGMENTS = st.sampled_from(
    ["", ".", "..", "a", "%2F", "%20", "a b", "a+b", "~x", "ü", "a:b@c", "%", "*", "$a"]
)
PATHS = st.lists(SEGMENTS, max_size=6).map(lambda parts: "/" + "/".join(parts))
NAMES = st.sampled_from(["a", "A", "b", "prefix", "list-type", "x%20y", "%C3%BC", "", "a-b", "a.b"])
PAIRS = st.tuples(NAMES, st.sampled_from(["", "=", "=1", "=a%2Fb", "=%7E", "=b=c", "=A", "=a+b"]))
QUERIES = st.lists(PAIRS, max_size=5).map(lambda pairs: "&".join(name + rest for name, rest in pairs))
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Content-Type",
            "X-Amz-Target",
            "If-None-Match",
            "User-Agent",
            "Expect",
            "X-Amzn-Trace-Id",
            "x-a",
            "X-B",
        ]
    ),
    st.sampled_from(["v", " v ", "a  b", "a, b", "*", '"etag"', "", "a\tb"]),
    max_size=4,
)
CREDENTIALS = st.builds(
    Credentials,
    st.sampled_from(["AKIDEXAMPLE", "ASIA" + "X" * 16]),
    st.sampled_from(["secret/with+signs=", "s"]),
    st.sampled_from(["", "token//with+signs==", "t" * 900]),
)


@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    host=st.sampled_from(
        ["flags.s3.eu-west-1.amazonaws.com", "127.0.0.1:4566", "dynamodb.cn-north-1.amazonaws.com.cn"]
    ),
    path=PATHS,
    query=QUERIES,
    headers=HEADERS,
    body=st.binary(max_size=40),
    credentials=CREDENTIALS,
    region=st.sampled_from(["eu-west-1", "us-east-1", "cn-north-1"]),
    service=st.sampled_from(["s3", "dynamodb", "ssm", "sns"]),
    now=st.integers(0, 4_000_000_000),
)
@example("GET", "h", "//a//", "b=2&b=1&a", {}, b"", Credentials("A", "s", "t"), "eu-west-1", "dynamodb", 0)
@example("GET", "h", "//a/../b/", "", {}, b"", Credentials("A", "s"), "eu-west-1", "s3", 951_782_400)
@settings(max_examples=1_500, deadline=None)
def test_a_signature_is_the_one_that_botocore_makes(
    method: str,
    host: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    credentials: Credentials,
    region: str,
    service: str,
    now: int,
) -> None:
    request = UnsignedRequest(method, host, path, query, headers, body)
    ours = sign(request, credentials, region=region, service=service, now=float(now))
    theirs = botocore_headers(request, credentials, region=region, service=service, now=now)
    assert {name: ours[name] for name in theirs if name in ours} == theirs


@given(st.text(max_size=30))
def test_texts_are_quoted_as_botocore_does(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert quoted(text) == botocore_quoted(text, safe="-._~")
    assert quoted(text, is_path=True) == botocore_quoted(text, safe="-._~/")
