"""Domains: a pattern is accepted only where a reader sees whose hosts it lets in."""

import pytest

from burgee.surfaces.http.origin_domains import DOMAINS, domains_of
from burgee.surfaces.http.origin_pattern import InvalidPatternError, OriginPattern

SHARED = frozenset({"co.uk", "github.io"})


@pytest.mark.parametrize(
    ("source", "domains"),
    [
        (r"https?://([a-zA-Z0-9-]+\.)*realdevsquad\.com", {"realdevsquad.com", "*.realdevsquad.com"}),
        (r"https://[a-z]+\.example\.com", {"*.example.com"}),
        (r"https://([a-z.]+\.)?example\.com", {"example.com", "*.example.com"}),
        (r"https://(shop|blog)\.com", {"shop.com", "blog.com"}),
        (r"https://example\.(com|org)", {"example.com", "example.org"}),
        (r"https://[Ee]xample\.com", {"example.com"}),
        (r"https://[a-z]+\.shop\.co\.uk", {"*.shop.co.uk"}),
        (r"https://shop\.co\.uk", {"shop.co.uk"}),
        (r"https://co\.uk", {"co.uk"}),
        (r"http://localhost(:[0-9]+)?", {"localhost"}),
        (r"http://(localhost|127\.0\.0\.1):[0-9]{1,5}", {"localhost", "127.0.0.1"}),
        (r"https://[a-z]+\.example\.com:8443", {"*.example.com"}),
        (r"https://(a|b)(c|d)\.com", {"ac.com", "ad.com", "bc.com", "bd.com"}),
        ("https://", {""}),
        ("nonsense", set()),
    ],
)
def test_the_domains_of_a_pattern(source: str, domains: set[str]) -> None:
    assert domains_of(OriginPattern(source), SHARED) == domains


@pytest.mark.parametrize(
    "source",
    [
        r"https://[a-z]*example\.com",
        r"https://[a-z-]+example\.com",
        r"https://x[a-z]{1,3}\.com",
        r"https://example\.[a-z]{2,3}",
        r"https://example\.com[a-z]*",
        r"https://example\.com:?[0-9]*",
        r"https://example[.-]com",
        r"https://[a-z]+",
        r"https://(ab\.com|[a-z]*shop\.com)",
        r"https://[a-z]+\.co\.uk",
        r"https://[a-z-]*shop\.co\.uk",
        r"https://[a-z]+--mine\.github\.io",
        r"https://[0-9]+\.0\.0\.1",
        r"https://10\.[0-9]+\.0\.1",
        r"https://\w+\.com",
        r"[a-z:/]+example\.com",
    ],
)
def test_a_class_in_a_domain_is_refused(source: str) -> None:
    with pytest.raises(InvalidPatternError, match="not spelled out"):
        domains_of(OriginPattern(source), SHARED)


@pytest.mark.parametrize(
    "source",
    [r"https://(ab)+\.com", r"https://(a|b)*x\.com", r"https://" + "(a|b)" * 12 + r"\.com"],
)
def test_domains_without_end_are_refused(source: str) -> None:
    with pytest.raises(InvalidPatternError, match="too many domains"):
        domains_of(OriginPattern(source), SHARED)


@pytest.mark.parametrize(("more", "accepted"), [("", True), ("|k", False)])
def test_the_number_of_domains_is_bounded(more: str, accepted: bool) -> None:
    tens = "(" + "|".join("abcdefghij") + ")"
    pattern = OriginPattern(f"https://({tens}{tens}{more})" + r"\.com")
    if accepted:
        assert len(domains_of(pattern, SHARED)) == DOMAINS
    else:
        with pytest.raises(InvalidPatternError, match="too many domains"):
            domains_of(pattern, SHARED)
