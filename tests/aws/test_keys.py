"""The keys of a stage, made and changed by the deploy script in a parameter store (moto)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

boto3 = pytest.importorskip("boto3")
from burgee.adapters.rsa_keys import blocks_in  # noqa: E402
from burgee.adapters.tokens import RsaTokenSigner  # noqa: E402
from burgee.testing.aws.emulators import client_of, running_moto  # noqa: E402
from burgee.testing.token_workshop import pem_of, public_pem_of  # noqa: E402
from infra import keys  # noqa: E402

pytestmark = pytest.mark.aws

SIGNING, PUBLIC = "/burgee/staging/signing-key", "/burgee/staging/public-key"
Said = list[str]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture
def clients(endpoint: str) -> Iterator[keys.Clients]:
    yield lambda service: client_of(service, endpoint)
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()


@pytest.fixture
def issuer(tmp_path: Path) -> Path:
    path = tmp_path / "issuer.pem"
    path.write_bytes(public_pem_of("issuer"))
    return path


def stored(clients: keys.Clients, name: str) -> str:
    found = clients("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    return str(found["Value"])


def believed(clients: keys.Clients) -> list[bytes]:
    return blocks_in(stored(clients, PUBLIC))


def own(clients: keys.Clients) -> bytes:
    """The public half of the key that signs."""
    return RsaTokenSigner(stored(clients, SIGNING).encode()).public_pem.strip()


def ensured(clients: keys.Clients, path: Path | None = None) -> bool:
    return keys.ensure_keys(clients, "staging", PUBLIC, path)


def test_the_first_deploy_makes_a_key_that_signs_and_its_public_half_is_believed(
    clients: keys.Clients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ensured(clients)
    assert believed(clients) == [own(clients)]
    assert capsys.readouterr() == ("", "")


def test_later_deploys_change_nothing_and_do_not_even_read_the_key(clients: keys.Clients) -> None:
    ensured(clients)
    before = [clients("ssm").get_parameter(Name=name)["Parameter"]["Version"] for name in (SIGNING, PUBLIC)]
    asked: list[dict[str, Any]] = []

    def watched(service: str) -> Any:
        client = clients(service)
        client.meta.events.register(
            "provide-client-params.ssm.GetParameter", lambda params, **_: asked.append(dict(params))
        )
        return client

    assert not ensured(watched)
    assert [each for each in asked if each.get("WithDecryption")] == [
        {"Name": PUBLIC, "WithDecryption": True}
    ]
    after = [clients("ssm").get_parameter(Name=name)["Parameter"]["Version"] for name in (SIGNING, PUBLIC)]
    assert before == after


def test_an_issuer_is_believed_beside_our_own_key_and_once(clients: keys.Clients, issuer: Path) -> None:
    for _ in range(2):
        ensured(clients, issuer)
        assert believed(clients) == [own(clients), public_pem_of("issuer").strip()]


def test_a_stage_of_the_first_version_gets_a_signing_key_beside_its_issuer(clients: keys.Clients) -> None:
    text = public_pem_of("issuer").decode()
    clients("ssm").put_parameter(Name=PUBLIC, Type="SecureString", Value=text)
    assert ensured(clients)
    assert believed(clients) == [public_pem_of("issuer").strip(), own(clients)]


def test_a_public_half_that_is_missing_is_made_of_the_key_that_is_there(clients: keys.Clients) -> None:
    clients("ssm").put_parameter(Name=SIGNING, Type="SecureString", Value=pem_of("one").decode())
    assert not ensured(clients)
    assert believed(clients) == [public_pem_of("one").strip()]


def test_of_two_first_deploys_at_once_one_key_signs(
    clients: keys.Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_is_there", lambda ssm, name: False)
    ensured(clients)
    ensured(clients)
    assert believed(clients) == [own(clients)]


def test_a_rotation_signs_by_the_new_key_only_when_all_know_it(clients: keys.Clients) -> None:
    ensured(clients)
    former = own(clients)
    known: list[list[bytes]] = []

    def sleep(seconds: float) -> None:
        assert seconds > 300  # lazy_tokens.KEY_SECONDS
        assert own(clients) == former
        known.append(believed(clients))

    said: Said = []
    keys.rotate(clients, "staging", PUBLIC, forget=False, tell=said.append, sleep=sleep)
    assert known == [[former, own(clients)]]
    assert believed(clients) == [former, own(clients)]
    assert "BEGIN" not in "".join(said)


def test_a_rotation_that_forgets_leaves_the_new_key_and_the_issuer_alone(
    clients: keys.Clients, issuer: Path
) -> None:
    ensured(clients, issuer)
    former = own(clients)
    keys.rotate(
        clients,
        "staging",
        PUBLIC,
        forget=True,
        path=issuer,
        tell=lambda _: None,
        sleep=lambda _: pytest.fail("a stolen key waits for nobody"),
    )
    assert own(clients) != former
    assert believed(clients) == [own(clients), public_pem_of("issuer").strip()]


def test_more_keys_than_a_parameter_holds_are_refused_before_anything_signs(clients: keys.Clients) -> None:
    ensured(clients)
    former = own(clients)
    clients("ssm").put_parameter(
        Name=PUBLIC,
        Type="SecureString",
        Overwrite=True,
        Value="\n".join(
            stored(clients, PUBLIC).replace("-----BEGIN", "-----BEGIN" + " X" * n, 1) for n in range(9)
        ),
    )
    with pytest.raises(keys.KeyFileError, match="FORGET=yes"):
        keys.rotate(clients, "staging", PUBLIC, forget=False, tell=lambda _: None, sleep=lambda _: None)
    assert own(clients) == former


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (pem_of("one").decode(), "private key"),
        ("ssh-rsa AAAA", "not a public key"),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", "not a public key"),
        ("", "not a public key"),
    ],
)
def test_what_is_no_public_key_stays_here(
    clients: keys.Clients, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "key.pem"
    path.write_text(text)
    with pytest.raises(keys.KeyFileError, match=words):
        ensured(clients, path)
    assert clients("ssm").describe_parameters()["Parameters"] == []
