"""The Lambda functions: one module each, whose `handler(event, context)` the template names."""

import sys

if "msgspec" not in sys.modules and "typing_extensions" not in sys.modules:
    # Where typing_extensions is installed, msgspec imports it for one name that `typing` has too, and with it
    # `inspect`: a tenth of a cold start. Hidden for that moment, it is there again for whoever needs it.
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]
