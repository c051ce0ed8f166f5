"""Settings: everything that can be set, read from a mapping of names to texts, in one go."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from burgee.errors import ConfigurationError
from burgee.model.budget import MAX_LIMIT, SEED_LIMIT, BudgetMode, BudgetRules, BudgetWindow
from burgee.model.flag_set import FractionalGeneration
from burgee.model.limited_function import LimitedFunction, read_limited_functions
from burgee.model.limits import DEFAULT_LIMITS, Limits
from burgee.model.source_names import FORMER_NAMES, key_parameter_of, session_cookie_of
from burgee.surfaces.http.origins import read_origins
from burgee.surfaces.http.proxies import TrustedProxies

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=Enum)

MEMORY = ":memory:"
"""The data folder that is none: everything is forgotten at the end."""


class StoreKind(Enum):
    """Where flags, overrides, keys and counts live."""

    SQLITE = "sqlite"
    DYNAMODB = "dynamodb"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting; docs/reference/settings.md says what each does.

    The name of a field in upper case behind `BURGEE_` is its name in the environment. `port` and
    `ops_port` 0 mean any free port.
    """

    data: str = "./burgee-data"
    host: str = "127.0.0.1"
    port: int = 8016
    ops_host: str = "127.0.0.1"
    ops_port: int = 8014
    workers: int = 1
    fractional: FractionalGeneration = FractionalGeneration.V2
    public_key: str = ""
    signing_key: str = ""
    token_leeway_seconds: int = 0
    token_algorithms: str = "RS256"  # noqa: S105
    token_issuer: str = ""
    token_audience: str = ""
    token_identity: str = ""
    token_role: str = "reader"  # noqa: S105
    jwks_url: str = ""
    jwks_max_age_seconds: int = 86_400
    environment: str = ""
    session_cookie_name: str = ""
    public_url: str = ""
    url: str = ""
    token: str = ""
    streams: int = DEFAULT_LIMITS.streams
    streams_per_address: int = DEFAULT_LIMITS.streams_per_address
    connections: int = DEFAULT_LIMITS.connections
    parameters_file: str = ""
    hatton_strict_compat: bool = False
    cors_origins: str = ""
    rds_strict_compat: bool = False
    budget_limit: int = SEED_LIMIT
    budget_window: BudgetWindow = BudgetWindow.MINUTE
    budget_mode: BudgetMode = BudgetMode.ENFORCE
    evaluation_limit: int = 0
    token_rate: int = 0
    address_rate: int = 100
    trusted_proxies: str = ""
    audit_files: bool = False
    audit_file_bytes: int = 16 * 1024 * 1024
    webhook_url: str = ""
    webhook_secrets: str = ""
    webhook_allow_private: bool = False
    store: StoreKind = StoreKind.SQLITE
    table: str = "burgee"
    flag_table: str = "featureFlag"
    override_table: str = "featureFlagUserMapping"
    budget_table: str = "requestLimit"
    limited_functions: str = ""
    limiter_function: str = ""
    parameter_path: str = ""
    public_key_parameter: str = ""
    signing_key_parameter: str = ""

    @classmethod
    def from_mapping(cls, env: Mapping[str, str]) -> "Settings":
        """The settings that `env` makes; names that are not settings are passed over, so are empty texts.

        Raises ConfigurationError listing every problem, one a line.
        """
        problems: list[str] = []
        values: dict[str, Any] = {}
        for field, read in _READERS.items():
            name = f"BURGEE_{field.upper()}"
            text = env.get(name, "") or env.get(FORMER_NAMES.get(field, ""), "")
            if not text.strip():
                continue
            try:
                values[field] = read(text)
            except ValueError as error:
                problems.append(f"{name}: {error}")
        settings = cls(**values)
        if not problems and not settings.is_loopback and not settings.has_key:
            problems.append(
                f"BURGEE_HOST: {settings.host} can be reached by others, which needs BURGEE_PUBLIC_KEY "
                "(or BURGEE_JWKS_URL, or BURGEE_SIGNING_KEY, a key file that exists)"
            )
        if settings.signing_key_parameter:
            problems += _signing_problems(settings)
        if settings.webhook_url and not settings.webhook_secrets:
            problems.append("BURGEE_WEBHOOK_URL: it needs BURGEE_WEBHOOK_SECRETS to sign with")
        if settings.audit_files and settings.is_memory:
            problems.append("BURGEE_AUDIT_FILES: files need a data folder")
        if problems:
            raise ConfigurationError("\n".join(problems))
        return settings

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the server; evaluation is then open."""
        if self.host == "localhost":
            return True
        return _is_loopback(self.host)

    @property
    def has_key(self) -> bool:
        """Whether somebody has said whose tokens are believed."""
        return bool(self.public_key or self.signing_key or self.jwks_url or self.key_parameter)

    @property
    def session_cookie(self) -> str:
        """The cookie of another issuer that may carry a token, "" where none was set up."""
        if self.session_cookie_name:
            return self.session_cookie_name
        if not (self.environment or self.public_key or self.jwks_url or self.key_parameter):
            return ""
        return session_cookie_of(self.environment)

    @property
    def key_parameter(self) -> str:
        """The SSM parameter with the public key of another issuer, "" for none.

        On AWS a service that has nothing but its environment set finds it where the source system does.
        """
        if self.public_key_parameter or self.public_key or self.jwks_url:
            return self.public_key_parameter
        if not self.is_dynamodb or not self.environment:
            return ""
        return key_parameter_of(self.environment)

    @property
    def limited(self) -> tuple[LimitedFunction, ...]:
        """The functions whose concurrency follows the breaker."""
        return read_limited_functions(self.limited_functions)

    @property
    def is_dynamodb(self) -> bool:
        """Whether everything lives in DynamoDB; a data folder is then used only where one is named."""
        return self.store is StoreKind.DYNAMODB

    @property
    def is_memory(self) -> bool:
        """Whether nothing is kept on disk."""
        return self.data == MEMORY

    @property
    def limits(self) -> Limits:
        """The limits of this server."""
        names = ("streams", "streams_per_address", "connections")
        return msgspec.structs.replace(DEFAULT_LIMITS, **{name: getattr(self, name) for name in names})

    @property
    def budget_rules(self) -> BudgetRules:
        """How this server meters."""
        return BudgetRules(
            seed_limit=self.budget_limit,
            window=self.budget_window,
            mode=self.budget_mode,
            evaluation_limit=self.evaluation_limit,
            token_rate=self.token_rate,
            address_rate=self.address_rate,
            workers=self.workers,
        )


def _signing_problems(settings: Settings) -> list[str]:
    """What stands in the way of tokens signed by a key in SSM: they are verified as those of an issuer."""
    name = "BURGEE_SIGNING_KEY_PARAMETER"
    found = []
    if not settings.key_parameter:
        found.append(
            f"{name}: its public half is looked for in BURGEE_PUBLIC_KEY_PARAMETER, which is not set"
        )
    if settings.signing_key:
        found.append(f"{name}: BURGEE_SIGNING_KEY names another key to sign with")
    if settings.token_issuer or settings.token_audience:
        found.append(f"{name}: BURGEE_TOKEN_ISSUER and BURGEE_TOKEN_AUDIENCE would refuse what it signs")
    return found


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text) if text.strip().isascii() else None
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return value

    return read


def _switch(text: str) -> bool:
    word = text.strip().lower()
    if word not in {"true", "false"}:
        raise ValueError(f"{text!r} is not true or false")
    return word == "true"


def _generation(text: str) -> FractionalGeneration:
    try:
        return FractionalGeneration(text.strip().lower())
    except ValueError:
        raise ValueError(f"{text!r} is not v2 or v3") from None


def _one_of(kind: type[Choice]) -> Callable[[str], Choice]:
    def read(text: str) -> Choice:
        try:
            return kind(text.strip().lower())
        except ValueError:
            raise ValueError(f"{text!r} is not {' or '.join(str(each.value) for each in kind)}") from None

    return read


def _web_address(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text!r} is not an http or https address")
    return text.strip().rstrip("/")


def _host(text: str) -> str:
    host = text.strip()
    if any(sign in host for sign in "/ @") or (host.count(":") == 1):
        raise ValueError(f"{text!r} is not a host name or an IP address")
    return host


def _origins(text: str) -> str:
    read_origins(text)
    return text.strip()


def _proxies(text: str) -> str:
    TrustedProxies.from_text(text)
    return text.strip()


def _functions(text: str) -> str:
    read_limited_functions(text)
    return text.strip()


def _path(text: str) -> str:
    path = text.strip()
    if not re.fullmatch(r"(?:/[A-Za-z0-9_.-]+)+/?", path, re.ASCII):
        raise ValueError(f"{text!r} is not a path such as /burgee/production/")
    return path.rstrip("/") + "/"


def _algorithms(text: str) -> str:
    names = list(dict.fromkeys(name.strip().upper() for name in text.split(",")))
    if not set(names) <= {"RS256", "RS384", "RS512"}:
        raise ValueError(f"{text!r} is not a list of RS256, RS384 and RS512")
    return ",".join(names)


def _token_role(text: str) -> str:
    if text.strip() not in ("reader", "editor", "admin"):
        raise ValueError(f"{text!r} is none of reader, editor, admin")
    return text.strip()


def _identity(text: str) -> str:
    if text.strip() not in ("userId", "sub"):
        raise ValueError(f"{text!r} is not userId or sub")
    return text.strip()


def _jwks_url(text: str) -> str:
    url = text.strip()
    parts = urlsplit(url)
    loopback = parts.hostname == "localhost" or _is_loopback(parts.hostname or "")
    if not parts.hostname or parts.scheme not in (("http", "https") if loopback else ("https",)):
        raise ValueError(f"{text!r} is not an https address (http only for this machine)")
    if parts.username is not None or parts.fragment:
        raise ValueError(f"{text!r} holds a user or a fragment")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cookie_name(text: str) -> str:
    name = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", name, re.ASCII):
        raise ValueError(f"{text!r} is not the name of a cookie")
    return name


def _table_name(text: str) -> str:
    name = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", name, re.ASCII):
        raise ValueError(f"{text!r} is not the name of a table")
    return name


_PORT = _number(0, 65_535)

_READERS: dict[str, Callable[[str], Any]] = {
    "data": str,
    "host": _host,
    "port": _PORT,
    "ops_host": _host,
    "ops_port": _PORT,
    "workers": _number(1, 64),
    "fractional": _generation,
    "public_key": str,
    "signing_key": str,
    "token_leeway_seconds": _number(0, 60),
    "token_algorithms": _algorithms,
    "token_issuer": str.strip,
    "token_audience": str.strip,
    "token_identity": _identity,
    "token_role": _token_role,
    "jwks_url": _jwks_url,
    "jwks_max_age_seconds": _number(60, 604_800),
    "environment": str.strip,
    "session_cookie_name": _cookie_name,
    "public_url": _web_address,
    "url": _web_address,
    "token": str.strip,
    "streams": _number(1, 1_000_000),
    "streams_per_address": _number(1, 1_000_000),
    "connections": _number(1, 1_000_000),
    "parameters_file": str,
    "hatton_strict_compat": _switch,
    "cors_origins": _origins,
    "rds_strict_compat": _switch,
    "budget_limit": _number(1, MAX_LIMIT),
    "budget_window": _one_of(BudgetWindow),
    "budget_mode": _one_of(BudgetMode),
    "evaluation_limit": _number(0, MAX_LIMIT),
    "token_rate": _number(0, 1_000_000),
    "address_rate": _number(0, 1_000_000),
    "trusted_proxies": _proxies,
    "audit_files": _switch,
    "audit_file_bytes": _number(65_536, 1_073_741_824),
    "webhook_url": str.strip,
    "webhook_secrets": str.strip,
    "webhook_allow_private": _switch,
    "store": _one_of(StoreKind),
    "table": _table_name,
    "flag_table": _table_name,
    "override_table": _table_name,
    "budget_table": _table_name,
    "limited_functions": _functions,
    "limiter_function": str.strip,
    "parameter_path": _path,
    "public_key_parameter": str.strip,
    "signing_key_parameter": str.strip,
}
