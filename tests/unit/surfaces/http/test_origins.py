"""The allow-list: 27 fixed origins and 10,000 made ones against a judge that shares no code with it."""

import random
import string
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from burgee.surfaces.http.origins import CANARIES, SHARED_SUFFIXES, Allowed, is_origin, read_origins

BASE = "realdevsquad.com"
RDS = r"regex:^https?://([a-zA-Z0-9-]+\.)*realdevsquad\.com$"
RDS_SECURE = r"regex:https://([a-zA-Z0-9-]+\.)*realdevsquad\.com"
EXACT = (
    "https://app.example.com",
    "http://localhost:3000",
    "https://shop.example.org:8443",
    "http://[::1]:5173",
)
SEED = 20_250_423
LABEL = set(string.ascii_letters + string.digits + "-")

FIXED = [
    ("https://realdevsquad.com", True),
    ("http://realdevsquad.com", True),
    ("https://www.realdevsquad.com", True),
    ("http://x.realdevsquad.com", True),
    ("https://a.b.c.realdevsquad.com", True),
    ("https://X-1.realdevsquad.com", True),
    ("https://-.realdevsquad.com", True),
    ("https://" + "a" * 64 + ".realdevsquad.com", True),
    ("https://realdevsquad.com.realdevsquad.com", True),
    ("https://evilrealdevsquad.com", False),
    ("https://evil-realdevsquad.com", False),
    ("https://realdevsquad.com.evil.com", False),
    ("https://realdevsquadXcom", False),
    ("https://realdevsquad.com:8443", False),
    ("https://realdevsquad.com.", False),
    ("https://a_b.realdevsquad.com", False),
    ("https://.realdevsquad.com", False),
    ("https://evil.com/.realdevsquad.com", False),
    ("https://user@realdevsquad.com", False),
    ("https://evil.com#.realdevsquad.com", False),
    ("https://realdevsquad.com\n", False),
    ("https://evil.com\nhttps://realdevsquad.com", False),
    ("https://realdev\u017fquad.com", False),
    ("HTTPS://realdevsquad.com", False),
    ("ftp://realdevsquad.com", False),
    ("null", False),
    ("", False),
]


def judge(origin: str, *, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    """Whether the RDS pattern means `origin`: by taking the address apart, and by no pattern."""
    if not origin.isascii() or not origin.isprintable() or " " in origin:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" != origin or parts.scheme not in schemes:
        return False
    host = parts.netloc
    if len(host) > 253 or not (host == BASE or host.endswith("." + BASE)):
        return False
    return all(label and set(label) <= LABEL for label in host.split("."))


def made(dice: random.Random) -> str:
    """An origin near the border: parts of good ones and of tricks, sometimes with one character changed."""
    scheme = dice.choice(["https", "https", "https", "http", "http", "ftp", "HTTPS", "ws", "", "file"])
    between = dice.choice(["://"] * 12 + [":/", ":", "//", ":///", r":\\"])
    labels = [
        "".join(dice.choices(string.ascii_letters + string.digits + "-", k=dice.choice([1, 1, 2, 5, 63, 64])))
        for _ in range(dice.choice([0, 0, 1, 1, 1, 2, 3, 4, 9]))
    ]
    if dice.random() < 0.4:
        return f"{dice.choice(['http', 'https', 'https'])}://{'.'.join([*labels, BASE])}"
    tail = dice.choice(
        [BASE] * 10
        + [
            "evil" + BASE,
            "xrealdevsquad.com",
            "realdevsquad.com.evil.com",
            "realdevsquad.org",
            "realdevsquad",
        ]
        + [
            "realdevsquadxcom",
            "RealDevSquad.com",
            "realdevsquad..com",
            "realdevsquad.com.",
            "evil.com",
            "com",
        ]
    )
    joint = dice.choice(["."] * 12 + ["", "-", "_", "..", "@", "/", "\\", "%2e"])
    rest = dice.choice(
        [""] * 16 + [":443", ":8443", ":", "/", "/x", "?x", "#x", "\n", "\r\n", "\t", " ", "\x00", "."]
    )
    text = scheme + between + (".".join(labels) + joint if labels else "") + tail + rest
    if dice.random() < 0.25:
        place = dice.randrange(len(text) + 1)
        text = text[:place] + dice.choice(" ./:@-_\n\x00\u017fé%*\\~^$") + text[place + dice.randrange(2) :]
    return text


@pytest.fixture(scope="module", params=[RDS, RDS_SECURE], ids=["http and https", "https only"])
def rds(request: pytest.FixtureRequest) -> tuple[Allowed, Callable[[str], bool]]:
    schemes = ("http", "https") if request.param == RDS else ("https",)
    return read_origins(request.param), lambda origin: judge(origin, schemes=schemes)


def test_the_fixed_origins_are_27() -> None:
    assert len({origin for origin, _ in FIXED}) == 27


@pytest.mark.parametrize(("origin", "allowed"), FIXED)
def test_item_35_a_fixed_origin(origin: str, allowed: bool) -> None:
    assert read_origins(RDS).has(origin) is allowed
    assert judge(origin) is allowed
    assert read_origins(RDS_SECURE).has(origin) is (allowed and origin.startswith("https:"))


def test_item_35_ten_thousand_made_origins_are_judged_alike(
    rds: tuple[Allowed, Callable[[str], bool]],
) -> None:
    allowed, judged = rds
    dice = random.Random(SEED)
    origins: set[str] = set()
    while len(origins) < 10_000:
        origins.add(made(dice))
    right = {origin for origin in origins if judged(origin)}
    assert 500 < len(right) < len(origins) - 500  # both answers are asked for
    assert {origin for origin in origins if allowed.has(origin)} == right


def test_ten_thousand_neighbours_of_exact_origins_are_judged_alike() -> None:
    allowed = read_origins(", ".join(EXACT))
    dice = random.Random(SEED)
    found = set()
    for _ in range(10_000):
        origin = dice.choice(EXACT)
        if dice.random() < 0.9:
            place = dice.randrange(len(origin) + 1)
            origin = (
                origin[:place]
                + dice.choice(["", ".", "x", "/", ":", "\n"])
                + origin[place + dice.randrange(2) :]
            )
        assert allowed.has(origin) is (origin in EXACT), origin
        found.add(origin in EXACT)
    assert found == {True, False}


@pytest.mark.parametrize(("over", "allowed"), [(-1, True), (0, True), (1, False)])
def test_the_length_of_a_host_is_bounded(over: int, allowed: bool) -> None:
    host = "a" * (253 + over - len(BASE) - 1) + "." + BASE
    assert read_origins(RDS).has(f"https://{host}") is allowed
    assert judge(f"https://{host}") is allowed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example", True),
        ("http://127.0.0.1:65535", True),
        ("https://[2001:db8::1]:8443", True),
        ("https://a_b.example", True),
        ("https://a.example:123456", False),
        ("https://a.example:", False),
        ("https://a..example", False),
        ("https://[::1", False),
        ("https://::1", False),
        ("https://a.example:8٣", False),
        ("https://" + "a" * 100_000, False),
    ],
)
def test_what_is_an_origin(text: str, expected: bool) -> None:
    assert is_origin(text) is expected


# -- the setting


@pytest.mark.parametrize(
    ("text", "exact", "patterns"),
    [
        ("", [], []),
        ("  ", [], []),
        (" https://a.example ,http://b.example:8080", ["https://a.example", "http://b.example:8080"], []),
        (
            r"regex:https://[a-z]{1,3}\.a\.example, https://b.example",
            ["https://b.example"],
            [r"https://[a-z]{1,3}\.a\.example"],
        ),
        (RDS, [], [RDS.removeprefix("regex:")]),
    ],
)
def test_the_setting_is_a_list(text: str, exact: list[str], patterns: list[str]) -> None:
    allowed = read_origins(text)
    assert allowed.exact == set(exact)
    assert [pattern.source for pattern in allowed.patterns] == patterns
    assert all(allowed.has(origin) for origin in exact)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("*", "every site"),
        ("null", "sandboxed frame"),
        ("https://*.example.com", "not an origin"),
        ("example.com", "not an origin"),
        ("https://a.example/", "not an origin"),
        ("https://a.example/path", "not an origin"),
        ("https://user@a.example", "not an origin"),
        ("https://a.example.", "not an origin"),
        ("https://a b", "not an origin"),
        ("https://münchen.example", "not an origin"),
        ("file://a", "not an origin"),
        ("https://" + "a" * 254, "not an origin"),
        ("https://A.example", "lower case"),
        ("https://a.example:443", "leave out the port 443"),
        ("http://a.example:80", "leave out the port 80"),
        ("https://a.example:0", "0 is no port"),
        ("https://a.example:65536", "65536 is no port"),
        ("https://a.example:080", "080 is no port"),
        ("regex:", "printable ASCII"),
        ("regex:.*", r"write \. for a dot"),
        ("regex:https://example.com", r"write \. for a dot"),
        ("regex:(https://a", "not closed"),
        ("regex:null", "it lets null in"),
        (r"regex:https?://\w+\.com", "it lets http://evil.com in"),
        (r"regex:https://[a-z]+\.co\.uk", "it lets https://evil.co.uk in"),
        (r"regex:https://[a-z0-9-]+\.netlify\.app", "it lets https://evil.netlify.app in"),
        (r"regex:https?://[\w.:-]+", "it lets"),
        (r"regex:(https://shop\.example|[!-~]+)", "it lets null in"),
        (r"regex:https://[a-z]*realdevsquad\.com", "a class stands before realdevsquad.com"),
        ("regex:realdevsquad", "matches no origin"),
        ("regex:https://", "matches no origin"),
    ],
)
def test_item_37_an_entry_that_is_unsafe_or_no_origin_is_named(entry: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_origins(f"https://good.example,{entry}")
    assert f"`{entry}` is refused: " in str(caught.value)
    assert words in str(caught.value)
    assert "good" not in str(caught.value)


def test_every_refused_entry_is_named_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        read_origins("*, null,, https://good.example")
    assert [part.partition(" is refused")[0] for part in str(caught.value).split("; ") if "`" in part] == [
        "`*`",
        "`null`",
        "``",
    ]


@pytest.mark.parametrize("canary", CANARIES)
def test_item_37_a_pattern_that_lets_a_canary_in_is_refused(canary: str) -> None:
    escaped = "".join(sign if sign.isalnum() else f"\\{sign}" for sign in canary)
    with pytest.raises(ValueError, match="it lets"):
        read_origins(rf"regex:{escaped}|https://mine\.example\.com")


def test_the_canaries_cover_the_places_where_anybody_gets_a_name() -> None:
    assert {f"https://evil.{suffix}" for suffix in SHARED_SUFFIXES} <= set(CANARIES)
    assert not any(read_origins(RDS).has(canary) for canary in CANARIES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "https://a.example, http://localhost:3000, http://app.localhost, http://127.0.0.1:1, http://[::1]",
            [],
        ),
        (r"regex:http://(localhost|127\.0\.0\.1):\d+", []),
        (r"regex:https://(a|b)\.example\.com", ["every page on *.example.com"]),
        ("http://a.example", ["whoever is on the network path"]),
        (RDS, ["every page on *.realdevsquad.com", "whoever is on the network path"]),
        (RDS_SECURE, ["every page on *.realdevsquad.com"]),
    ],
)
def test_what_is_accepted_but_risky_is_said(text: str, words: list[str]) -> None:
    warnings = read_origins(text).warnings
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))
