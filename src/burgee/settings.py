"""Settings: everything that can be set, read from a mapping of names to texts, in one go."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from burgee.errors import ConfigurationError
from burgee.model.flag_set import FractionalGeneration
from burgee.model.limits import DEFAULT_LIMITS, Limits

Value = TypeVar("Value")

MEMORY = ":memory:"
"""The data folder that is none: everything is forgotten at the end."""


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
    public_url: str = ""
    url: str = ""
    token: str = ""
    streams: int = DEFAULT_LIMITS.streams
    connections: int = DEFAULT_LIMITS.connections
    audit_files: bool = False
    audit_file_bytes: int = 16 * 1024 * 1024
    webhook_url: str = ""
    webhook_secrets: str = ""
    webhook_allow_private: bool = False

    @classmethod
    def from_mapping(cls, env: Mapping[str, str]) -> "Settings":
        """The settings that `env` makes; names that are not settings are passed over, so are empty texts.

        Raises ConfigurationError listing every problem, one a line.
        """
        problems: list[str] = []
        values: dict[str, Any] = {}
        for field, read in _READERS.items():
            name = f"BURGEE_{field.upper()}"
            text = env.get(name, "")
            if not text.strip():
                continue
            try:
                values[field] = read(text)
            except ValueError as error:
                problems.append(f"{name}: {error}")
        settings = cls(**values)
        if not problems and not settings.is_loopback and not (settings.public_key or settings.signing_key):
            problems.append(
                f"BURGEE_HOST: {settings.host} can be reached by others, which needs BURGEE_PUBLIC_KEY "
                "(or BURGEE_SIGNING_KEY, a key file that exists)"
            )
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
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_memory(self) -> bool:
        """Whether nothing is kept on disk."""
        return self.data == MEMORY

    @property
    def limits(self) -> Limits:
        """The limits of this server."""
        return msgspec.structs.replace(DEFAULT_LIMITS, streams=self.streams, connections=self.connections)


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


def _generation(text: str) -> FractionalGeneration:
    try:
        return FractionalGeneration(text.strip().lower())
    except ValueError:
        raise ValueError(f"{text!r} is not v2 or v3") from None


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


def _switch(text: str) -> bool:
    switches = {"true": True, "false": False}
    if text.strip().lower() not in switches:
        raise ValueError(f"{text!r} is not true or false")
    return switches[text.strip().lower()]


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
    "public_url": _web_address,
    "url": _web_address,
    "token": str.strip,
    "streams": _number(1, 1_000_000),
    "connections": _number(1, 1_000_000),
    "audit_files": _switch,
    "audit_file_bytes": _number(65_536, 1_073_741_824),
    "webhook_url": str.strip,
    "webhook_secrets": str.strip,
    "webhook_allow_private": _switch,
}
