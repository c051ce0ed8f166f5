"""Names that the Real-Dev-Squad backend uses for its settings, its cookies and its keys.

Its environment can be taken over as it is: every part of Burgee reads these names the same way.
"""

FORMER_NAMES = {
    "environment": "ENVIRONMENT",
    "session_cookie_name": "SESSION_COOKIE_NAME",
    "public_key_parameter": "RDS_BACKEND_PUBLIC_KEY_NAME",
}
"""The source's names of settings, by ours."""

_COOKIES = {"PRODUCTION": "rds-session", "DEVELOPMENT": "rds-session-staging"}
_KEY_PARAMETERS = {
    "PRODUCTION": "PROD_RDS_BACKEND_PUBLIC_KEY",
    "DEVELOPMENT": "STAGING_RDS_BACKEND_PUBLIC_KEY",
}


def session_cookie_of(environment: str) -> str:
    """The cookie that carries a token of the source in that environment."""
    return _COOKIES.get(environment, "rds-session-development")


def key_parameter_of(environment: str) -> str:
    """The SSM parameter with the source's public key in that environment."""
    return _KEY_PARAMETERS.get(environment, "publickey")
