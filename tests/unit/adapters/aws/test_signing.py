"""Signatures by the published examples of AWS; tests/aws compares thousands with botocore."""

from burgee.adapters.aws.signing import Credentials, UnsignedRequest, quoted, sign

SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
MOMENT = 1_440_938_160.0  # 2015-08-30T12:36:00Z


def test_the_vanilla_request_of_the_sigv4_suite() -> None:
    request = UnsignedRequest("GET", "example.amazonaws.com", "/")
    assert sign(request, SUITE, region="us-east-1", service="service", now=MOMENT) == {
        "host": "example.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ),
    }


def test_the_vanilla_query_of_the_suite_is_ordered_before_it_is_signed() -> None:
    request = UnsignedRequest("GET", "example.amazonaws.com", "/", "Param2=value2&Param1=value1")
    signed = sign(request, SUITE, region="us-east-1", service="service", now=MOMENT)
    assert signed["authorization"].endswith(
        "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    )


def test_a_session_has_its_token_signed_and_sent() -> None:
    request = UnsignedRequest("GET", "h", "/")
    signed = sign(request, Credentials("A", "s", "session"), region="r", service="x", now=MOMENT)
    assert signed["x-amz-security-token"] == "session"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in signed["authorization"]


def test_s3_gets_the_hash_of_the_body() -> None:
    request = UnsignedRequest("PUT", "h", "/k", body=b"content")
    signed = sign(request, SUITE, region="r", service="s3", now=MOMENT)
    assert (
        signed["x-amz-content-sha256"] == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    )


def test_what_is_not_plain_is_percent_encoded() -> None:
    assert quoted("a/b c~ü") == "a%2Fb%20c~%C3%BC"
    assert quoted("a/b c", is_path=True) == "a/b%20c"
