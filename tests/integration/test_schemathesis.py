"""Schemathesis over the OpenAPI document: every check, every phase, on the whole application in memory.

BURGEE_SCHEMATHESIS_EXAMPLES (8 where it is not set) is how many cases of a kind an operation gets;
BURGEE_SCHEMATHESIS_SEED repeats a run. Both are read before the suite hides settings from tests. Where
CI is set, runs are alike: a red one is the fault of the change. Elsewhere each looks somewhere new.
"""

import os
import secrets
from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp

from burgee.bootstrap import open_application
from burgee.service.access import Role
from burgee.settings import Settings
from burgee.surfaces.http.app import build_app
from burgee.surfaces.http.counters import Counters, SharedCounters
from burgee.surfaces.http.ofrep import Ofrep
from burgee.surfaces.http.ofrep_routes import ofrep_routes

EXAMPLES = int(os.environ.get("BURGEE_SCHEMATHESIS_EXAMPLES", "8"))
SEED = int(
    os.environ.get("BURGEE_SCHEMATHESIS_SEED", "28" if "CI" in os.environ else str(secrets.randbelow(2**31)))
)

SEED_FLAG = {"variants": {"on": True, "off": False}, "defaultVariant": "off"}

# A schema cannot say that a default variant must exist, that If-Match must name the present version, or
# that a key was used before: a well-formed request may be answered so.
# Whoever stops everything, or leaves one call to all, gets nothing but 429 from then on: apart from the rest.
LEVERS = "^(/api/v1/budget/|/reset-limit|/mark-concurrency-zero)"
SEMANTIC = ["2xx", "303", "304", "400", "401", "403", "404", "409", "412", "422"]


@pytest.fixture
def app() -> Iterator[tuple[ASGIApp, str]]:
    """The application with one flag in it, and an administrator's token."""
    with open_application(Settings(data=":memory:", budget_limit=10**9, address_rate=0)) as services:
        ofrep = Ofrep(
            services.live,
            services.access,
            Counters(SharedCounters.create(1), 0),
            open_to_all=True,
            tally=services.usage.tally,
        )
        yield (
            build_app(services, evaluation_routes=ofrep_routes(ofrep)),
            services.access.issue_token("schemathesis", Role.ADMIN, 3600),
        )


@pytest.mark.parametrize(("is_lever", "least"), [(False, 500), (True, 40)], ids=["all but levers", "levers"])
def test_no_check_fails_on_any_operation(app: tuple[ASGIApp, str], is_lever: bool, least: int) -> None:
    asgi, token = app
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": {"Authorization": f"Bearer {token}"},
            "generation": {"max-examples": EXAMPLES},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": SEMANTIC},
                "missing_required_header": {"expected-statuses": [400, 401, 403, 415]},
            },
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", asgi, config=config)
    bounded = schema.exclude(path_regex="^/ofrep/v1/sse")  # those answers end when the client goes
    bounded = bounded.include(path_regex=LEVERS) if is_lever else bounded.exclude(path_regex=LEVERS)
    failures, cases = [], 0
    for event in from_schema(bounded).execute():
        if isinstance(event, events.ScenarioFinished):
            cases += len(event.recorder.interactions)
            failures += [
                f"{event.recorder.label}: {check.name}: {check.failure_info.failure}\n"
                f"{check.failure_info.code_sample}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info is not None
            ]
        elif isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(f"{event!r}")
    print(f"schemathesis: {cases} cases, seed {SEED}, {EXAMPLES} examples")
    assert not failures, f"seed {SEED}, examples {EXAMPLES}\n" + "\n\n".join(dict.fromkeys(failures))
    assert cases > least
