"""How a command reaches the flags: a server elsewhere, the server of a folder, or the folder itself."""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from burgee.adapters.data_folder import DataFolder, open_data_folder
from burgee.adapters.local_key import load_or_make_signing_key, load_signing_key
from burgee.adapters.tokens import RsaTokenSigner
from burgee.bootstrap import open_application
from burgee.errors import ConfigurationError, StoreRefusedError
from burgee.ports import TokenClaims
from burgee.service.access import Role
from burgee.service.services import Services
from burgee.settings import Settings
from burgee.surfaces.cli.asgi_transport import AsgiTransport
from burgee.surfaces.cli.environment import Target
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes

TOKEN_SECONDS = 3_600
BUSY_SECONDS = 10.0
"""How long to wait for a folder that a starting server or another command holds."""
_SETTINGS = (
    "BURGEE_FRACTIONAL",
    "BURGEE_PUBLIC_KEY",
    "BURGEE_SIGNING_KEY",
    "BURGEE_BUDGET_LIMIT",
    "BURGEE_BUDGET_WINDOW",
    "BURGEE_BUDGET_MODE",
)


@contextmanager
def connect(target: Target) -> Iterator[httpx.Client]:
    """A client for `target`, signed in.

    Raises ConfigurationError, and StoreRefusedError where the folder stays in somebody else's hands.
    """
    if target.url:
        headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
        with _client(Settings.from_mapping({"BURGEE_URL": target.url}).url, headers) as client:
            yield client
        return
    own = {name: os.environ[name] for name in _SETTINGS if name in os.environ}
    settings = Settings.from_mapping({**own, "BURGEE_DATA": target.data})
    if settings.is_memory:
        raise ConfigurationError("flags in memory are those of one server: name it with --url")
    folder = open_data_folder(settings.data)
    with _local(folder, settings, target.token) as client:
        yield client


@contextmanager
def in_process(services: Services, headers: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of the whole HTTP application, without a socket."""
    counters = Counters(SharedCounters.create(1), 0)
    ofrep = Ofrep(
        services.live,
        services.access,
        counters,
        open_to_all=True,
        overrides=services.overrides,
        tally=services.usage.tally,
        limits=services.limits,
    )
    services.budget.on_stop(ofrep.stop)
    app = build_app(services, evaluation_routes=ofrep_routes(ofrep))
    transport = AsgiTransport(app)
    with httpx.Client(transport=transport, base_url="http://in-process", headers=headers) as client:
        yield client


@contextmanager
def _local(folder: DataFolder, settings: Settings, token: str) -> Iterator[httpx.Client]:
    """The folder opened by this process, or else the server that has it."""
    with ExitStack() as stack:
        opened = _open(stack, folder, settings)
        headers = {"Authorization": f"Bearer {token or _token(settings, folder)}"}
        client = (
            _client(opened, headers, trust_env=False)
            if isinstance(opened, str)
            else in_process(opened, headers)
        )
        yield stack.enter_context(client)


def _open(stack: ExitStack, folder: DataFolder, settings: Settings) -> Services | str:
    """The services of the folder, or the address of the server that has it."""
    give_up = time.monotonic() + BUSY_SECONDS
    refused_although_free = 0
    while True:
        try:
            return stack.enter_context(open_application(settings))
        except StoreRefusedError:
            holder = folder.lock_holder()
            if holder is not None and holder.url:
                return holder.url
            # Held without an address: a server that starts, or a command like this one. Both pass.
            refused_although_free += holder is None
            if refused_although_free > 1 or time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _client(url: str, headers: dict[str, str], *, trust_env: bool = True) -> httpx.Client:
    return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=trust_env)


def _token(settings: Settings, folder: DataFolder) -> str:
    """A token of our own: who can read the key of the folder may do everything in it."""
    if settings.signing_key:
        pem = load_signing_key(Path(settings.signing_key))
    else:
        pem = load_or_make_signing_key(folder.signing_key)
    now = int(time.time())
    claims = TokenClaims(
        subject=_user(), role=Role.ADMIN.value, issued_at=now, expires_at=now + TOKEN_SECONDS
    )
    return RsaTokenSigner(pem).sign(claims)


def _user() -> str:
    """Who the audit log names: the account that runs the command."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"
