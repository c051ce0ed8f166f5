"""The settings of the evaluation function: few, and read without what reads all the others.

They have the names and the meaning of docs/reference/settings.md.
"""

from collections.abc import Mapping

import msgspec

from burgee.errors import ConfigurationError
from burgee.model.budget import MAX_LIMIT, BudgetMode, BudgetWindow
from burgee.model.flag_set import FractionalGeneration
from burgee.model.source_names import FORMER_NAMES, session_cookie_of

SOURCES = ("s3", "dynamodb")


class EvaluateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the function needs to know. `snapshot_flag_set` "" is all of them."""

    snapshot_source: str = "s3"
    snapshot_bucket: str = ""
    snapshot_prefix: str = "snapshots/"
    snapshot_flag_set: str = ""
    snapshot_refresh_seconds: float = 5.0
    table: str = "burgee"
    override_table: str = "featureFlagUserMapping"
    override_read_seconds: float = 0.25
    public_key: str = ""
    public_key_parameter: str = ""
    token_issuer: str = ""
    token_audience: str = ""
    token_identity: str = ""
    token_role: str = "reader"  # noqa: S105 - the name of a role
    token_algorithms: str = "RS256"  # noqa: S105 - names of algorithms
    token_leeway_seconds: int = 0
    session_cookie_name: str = ""
    environment: str = ""
    jwks_url: str = ""
    cors_origins: str = ""
    fractional: FractionalGeneration = FractionalGeneration.V2
    evaluation_limit: int = 0
    budget_window: BudgetWindow = BudgetWindow.MINUTE
    budget_mode: BudgetMode = BudgetMode.ENFORCE

    @property
    def session_cookie(self) -> str:
        """The cookie of another issuer that may carry a token, "" where none was set up."""
        if self.session_cookie_name or not (self.environment or self.public_key or self.public_key_parameter):
            return self.session_cookie_name
        return session_cookie_of(self.environment)


def read_evaluate_settings(environment: Mapping[str, str]) -> EvaluateSettings:
    """The settings. Raises ConfigurationError with every problem, one a line."""
    found: dict[str, object] = {}
    problems = []
    for field in msgspec.structs.fields(EvaluateSettings):
        name = f"BURGEE_{field.name.upper()}"
        text = environment.get(name) or environment.get(FORMER_NAMES.get(field.name, "")) or ""
        if not text:
            continue
        try:
            found[field.name] = msgspec.convert(text, field.type, strict=False)
        except msgspec.ValidationError:
            problems.append(f"{name}: {text!r} cannot be understood")
    settings = EvaluateSettings(**found)  # type: ignore[arg-type]
    if settings.snapshot_source not in SOURCES:
        problems.append(f"BURGEE_SNAPSHOT_SOURCE: this function reads from {' or '.join(SOURCES)}")
    elif settings.snapshot_source == "s3" and not settings.snapshot_bucket:
        problems.append("BURGEE_SNAPSHOT_BUCKET: the bucket of the snapshots is not named")
    if not 0.5 <= settings.snapshot_refresh_seconds <= 3_600:
        problems.append("BURGEE_SNAPSHOT_REFRESH_SECONDS: 0.5 to 3600 seconds")
    if not 0.05 <= settings.override_read_seconds <= 2:
        problems.append("BURGEE_OVERRIDE_READ_SECONDS: 0.05 to 2 seconds")
    if settings.token_role not in ("reader", "editor", "admin"):
        problems.append("BURGEE_TOKEN_ROLE: reader, editor or admin")
    if not 0 <= settings.token_leeway_seconds <= 60:
        problems.append("BURGEE_TOKEN_LEEWAY_SECONDS: 0 to 60 seconds")
    if settings.jwks_url:
        problems.append(
            "BURGEE_JWKS_URL: this function reads the key of an issuer from a parameter of SSM only"
        )
    if not 0 <= settings.evaluation_limit <= MAX_LIMIT:
        problems.append(f"BURGEE_EVALUATION_LIMIT: 0 to {MAX_LIMIT}")
    if settings.evaluation_limit and settings.budget_window is BudgetWindow.NONE:
        problems.append("BURGEE_EVALUATION_LIMIT: it needs a window here, since nobody could reset it")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return settings
