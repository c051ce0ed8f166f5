"""Another issuer: its tokens open what they say, no forged one opens anything, and no key speaks for two."""

import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from burgee.adapters.token_claims import MAX_LIFETIME_SECONDS, ClaimRules
from burgee.adapters.tokens import Issuer, PemKeys, RsaTokenVerifier, key_id
from burgee.errors import UnauthenticatedError, UnidentifiedError
from burgee.service.access import Role
from burgee.testing.token_workshop import HEADER, private_key, public_pem_of, signed

NOW = 1_800_000_000
ISSUER = "https://issuer.example"
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": "flags", "userId": "u-1", "iat": NOW - 10, "exp": NOW + 60}
PLAIN = ClaimRules()
STRICT = ClaimRules(issuer=ISSUER, audience="flags")


def verifier(rules: ClaimRules = STRICT, *, leeway: float = 0) -> RsaTokenVerifier:
    """Believes our own key `local`, and the other issuer's `other`."""
    others = [Issuer(rules, (PemKeys([public_pem_of("other")]),))]
    return RsaTokenVerifier([public_pem_of("local")], lambda: NOW, leeway_seconds=leeway, others=others)


def claims(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}


def ours(**changes: Any) -> dict[str, Any]:
    mine = {"iss": "burgee", "sub": "ada", "role": "admin", "iat": NOW - 10, "exp": NOW + 60}
    return {name: value for name, value in {**mine, **changes}.items() if value is not ...}


def header(**changes: Any) -> dict[str, Any]:
    return {**HEADER, **changes}


def forgeries() -> Iterator[tuple[str, str]]:
    good = signed(CLAIMS, key="other")
    head, body, signature = good.split(".")
    for alg in ("none", "None", "NoNe", "", "HS256", "HS512", "PS256", "RS384", "RS512", "ES256", "rs256"):
        yield f"alg {alg!r}, the issuer's key", signed(CLAIMS, key="other", header=header(alg=alg))
    for alg in ("RS384", "RS512"):
        yield f"{alg} really, not on the list", jwt.encode(CLAIMS, private_key("other"), algorithm=alg)
    yield "a stranger's key", signed(CLAIMS, key="stranger")
    name = key_id(private_key("other").public_key())
    yield "a stranger's key under its name", signed(CLAIMS, key="stranger", header=header(kid=name))
    yield "our key for its claims", signed(CLAIMS, key="local")
    yield "its key for our claims", signed(ours(), key="other")
    yield (
        "its key for ours, named ours",
        signed(ours(), key="other", header=header(kid=key_id(private_key("local").public_key()))),
    )
    yield "our key, and its issuer", signed(ours(iss=ISSUER), key="local")
    for kind in ("logout+jwt", "secevent+jwt", "dpop+jwt", "JWS", "", 1, None):
        yield f"typ {kind!r}", signed(CLAIMS, key="other", header=header(typ=kind))
    for member, value in {"crit": ["exp"], "b64": False, "zip": "DEF", "jku": "https://127.0.0.1/k"}.items():
        yield f"header {member}", signed(CLAIMS, key="other", header=header(**{member: value}))
    for value in (
        ...,
        None,
        "",
        ISSUER + "/",
        ISSUER.upper(),
        [ISSUER],
        "https://issuer.example.evil.example",
    ):
        yield f"iss {value!r}", signed(claims(iss=value), key="other")
    for value in (..., None, "", "flag", "flags ", ["x"], [], {"flags": 1}, [["flags"]]):
        yield f"aud {value!r}", signed(claims(aud=value), key="other")
    for value in (
        ...,
        None,
        str(NOW + 60),
        True,
        [NOW + 60],
        NOW,
        NOW - 1,
        0,
        -1,
        NOW + MAX_LIFETIME_SECONDS,
    ):
        yield f"exp {value!r}", signed(claims(exp=value), key="other")
    for value in (NOW + 1, str(NOW), None, True):
        yield f"iat {value!r}", signed(claims(iat=value), key="other")
        yield f"nbf {value!r}", signed(claims(nbf=value), key="other")
    for value in (..., None, "", 7, ["u-1"], "x" * 257, "a\nb", "a\x00b"):
        yield f"userId {value!r:.20}", signed(claims(userId=value), key="other")
    for value in (None, "", 1, ["admin"], "root", "Admin", "admin ", "SUPERUSER"):
        yield f"role {value!r}", signed(claims(role=value), key="other")
    for member in ("nonce", "at_hash", "c_hash", "events"):
        yield f"a token with {member}", signed(claims(**{member: "x"}), key="other")
    for value in ([], "shop", [""], None):
        yield f"flagSets {value!r}", signed(claims(flagSets=value), key="other")
    twice = json.dumps(CLAIMS)[:-1].encode() + b',"userId":"u-2"}'
    yield "userId twice", signed(twice, key="other")
    yield "another payload", f"{head}.{body[:-4]}AAAA.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "half a signature", f"{head}.{body}.{signature[:100]}"
    yield "padding", good + "=="


FORGERIES = dict(forgeries())


def believed(token: str) -> str:
    """The role that a token is given, by the verifier and by what stands behind it."""
    role = verifier().verify(token).role
    if role not in {each.value for each in Role}:
        raise UnauthenticatedError("no such role")
    return role


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_token_of_the_other_issuer_is_believed(name: str) -> None:
    with pytest.raises(UnauthenticatedError):
        believed(FORGERIES[name])


def test_there_are_at_least_sixty_forgeries_and_one_good_token_among_them() -> None:
    assert len(FORGERIES) >= 60
    assert believed(signed(CLAIMS, key="other")) == "reader"


@pytest.mark.parametrize(
    ("role", "ours_of_it", "own_only"),
    [
        (..., "reader", True),
        ("ADMIN", "admin", False),
        ("DEVELOPER", "editor", False),
        ("VIEWER", "reader", False),
        ("admin", "admin", False),
        ("editor", "editor", False),
        ("reader", "reader", False),
        ("sdk-server", "sdk-server", False),
        ("sdk-client", "sdk-client", False),
    ],
)
def test_a_role_is_one_of_ours_or_one_of_the_source_system(
    role: Any, ours_of_it: str, own_only: bool
) -> None:
    found = verifier().verify(signed(claims(role=role), key="other"))
    assert (found.role, found.is_own_only) == (ours_of_it, own_only)


def test_the_source_system_s_roles_mean_nothing_in_a_token_of_ours() -> None:
    assert verifier().verify(signed(ours(role="ADMIN"), key="local")).role == "ADMIN"
    assert not verifier().verify(signed(ours(), key="local")).is_own_only


@pytest.mark.parametrize(
    ("identity", "change", "subject"),
    [
        (("userId", "sub"), {}, "u-1"),
        (("userId", "sub"), {"sub": "s-1"}, "u-1"),
        (("userId", "sub"), {"userId": ..., "sub": "s-1"}, "s-1"),
        (("userId", "sub"), {"userId": "", "sub": "s-1"}, None),
        (("userId", "sub"), {"userId": 1, "sub": "s-1"}, None),
        (("userId", "sub"), {"userId": ...}, None),
        (("sub",), {"sub": "s-1"}, "s-1"),
        (("sub",), {}, None),
        (("userId",), {"userId": ..., "sub": "s-1"}, None),
    ],
)
def test_the_identity_is_the_claim_that_is_set_up(
    identity: tuple[str, ...], change: dict[str, Any], subject: str | None
) -> None:
    believing = verifier(ClaimRules(identity=identity))
    token = signed(claims(**change), key="other")
    if subject is None:
        with pytest.raises(UnidentifiedError):
            believing.verify(token)
    else:
        assert believing.verify(token).subject == subject


def test_an_expired_token_without_an_identity_is_first_of_all_expired() -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        verifier(PLAIN).verify(signed(claims(userId=..., exp=NOW), key="other"))
    assert not isinstance(caught.value, UnidentifiedError)


@pytest.mark.parametrize(
    "change",
    [{}, {"iss": ...}, {"iss": "anybody"}, {"aud": ...}, {"aud": "else"}, {"iat": ...}, {"nbf": NOW}],
)
def test_what_is_not_set_up_is_not_asked_for(change: dict[str, Any]) -> None:
    assert verifier(PLAIN).verify(signed(claims(**change), key="other")).subject == "u-1"


@pytest.mark.parametrize("audience", ["flags", ["flags"], ["other", "flags"]])
def test_an_audience_is_ours_alone_or_among_others(audience: Any) -> None:
    assert verifier().verify(signed(claims(aud=audience), key="other")).subject == "u-1"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
@pytest.mark.parametrize("accepted", [("RS256",), ("RS384", "RS512"), ("RS256", "RS384", "RS512")])
def test_the_list_of_algorithms_is_exact(algorithm: str, accepted: tuple[str, ...]) -> None:
    token = signed(CLAIMS, key="other", header=header(alg=algorithm))
    believing = verifier(ClaimRules(algorithms=accepted))
    if algorithm in accepted:
        assert believing.verify(token).subject == "u-1"
    else:
        with pytest.raises(UnauthenticatedError):
            believing.verify(token)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512"])
def test_our_own_tokens_stay_with_rs256_whatever_another_issuer_may_use(algorithm: str) -> None:
    believing = verifier(ClaimRules(algorithms=("RS256", "RS384", "RS512")))
    with pytest.raises(UnauthenticatedError):
        believing.verify(signed(ours(), key="local", header=header(alg=algorithm)))


@pytest.mark.parametrize(("seconds", "believed"), [(0, True), (1, False)])
def test_a_lifetime_has_an_end(seconds: int, believed: bool) -> None:
    token = signed(claims(iat=NOW, exp=NOW + MAX_LIFETIME_SECONDS + seconds), key="other")
    if believed:
        assert verifier().verify(token).subject == "u-1"
    else:
        with pytest.raises(UnauthenticatedError):
            verifier().verify(token)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_an_access_token_may_say_that_it_is_one(kind: str) -> None:
    assert verifier().verify(signed(CLAIMS, key="other", header=header(typ=kind))).subject == "u-1"


def test_a_token_may_leave_out_its_type() -> None:
    assert verifier().verify(signed(CLAIMS, key="other", header={"alg": "RS256"})).subject == "u-1"


def test_a_subject_may_be_written_in_any_script() -> None:
    assert verifier().verify(signed(claims(userId="Ünal 王"), key="other")).subject == "Ünal 王"
