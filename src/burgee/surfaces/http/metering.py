"""Metering at the edge: whom a call is counted against, and how it waits for a lease."""

import ipaddress
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
from starlette.types import Scope

from burgee.errors import (
    ForbiddenError,
    InvalidInputError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)
from burgee.formats.strict_json import encode
from burgee.service.meter import Meter
from burgee.surfaces.http.answer import Answer, json_answer
from burgee.surfaces.http.limit_headers import limit_headers
from burgee.surfaces.http.ofrep import Headers, Ofrep

Gate: TypeAlias = Callable[[Headers], Coroutine[Any, Any, Answer | None]]
"""Lets an evaluation request pass (None), or turns it away."""

_NETWORK_BITS = 64
"""Whoever has one IPv6 address has the 2^64 around it."""


async def spend(meter: Meter, limiter: anyio.CapacityLimiter) -> None:
    """Take one call of the budget; only where the lease is at its end does that cost a thread.

    Raises TooManyRequestsError, UnavailableError.
    """
    if not meter.try_spend():
        await anyio.to_thread.run_sync(meter.spend, limiter=limiter)


def address_of(scope: Scope) -> str:
    """The network that a request comes from, as the key of its rate."""
    client = scope.get("client")
    return network_of(str(client[0]) if client else "")


def network_of(host: str) -> str:
    """The address `host`; of IPv6 the /64 network around it, since whoever has one address has them all."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _NETWORK_BITS), strict=False))


def refused_evaluation(error: TooManyRequestsError) -> Answer:
    """The OFREP answer for an evaluation over its budget, or stopped."""
    headers = [(name.encode(), value.encode()) for name, value in limit_headers(error)]
    return json_answer(429, encode({"errorDetails": str(error)}), *headers)


def evaluation_gate(meter: Meter, ofrep: Ofrep) -> Gate:
    """Spends the budget of evaluation, for callers that may evaluate at all.

    A store that does not answer lets everybody pass: flags go on answering.
    """
    limiter = anyio.CapacityLimiter(8)

    async def pass_or_refuse(headers: Headers) -> Answer | None:
        try:
            ofrep.audience.scope(headers)
            await spend(meter, limiter)
        except TooManyRequestsError as error:
            return refused_evaluation(error)
        except (InvalidInputError, UnauthenticatedError, ForbiddenError, UnavailableError):
            return None  # those that may not are told so by what answers next, at no cost to the budget
        return None

    return pass_or_refuse
