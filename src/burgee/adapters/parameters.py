"""Parameters from the environment, and from a file that may be replaced while the server runs."""

from collections.abc import Mapping
from pathlib import Path

from burgee.errors import InvalidInputError, UnavailableError
from burgee.formats import strict_json

PREFIX = "BURGEE_PARAMETER_"
LARGEST_FILE_BYTES = 64 * 1024


class EnvironmentParameters:
    """ParameterSource in variables: `allow-flag-deletion` is BURGEE_PARAMETER_ALLOW_FLAG_DELETION."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def parameter(self, name: str) -> str | None:
        return self._environment.get(PREFIX + name.upper().replace("-", "_"))


class FileParameters:
    """ParameterSource in a file: a JSON object of texts and booleans, or lines of `name=text`.

    The file is read at every question. In lines, `#` begins a comment line. A file that is not there, is
    too long or says something twice answers nothing: UnavailableError.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def parameter(self, name: str) -> str | None:
        try:
            with self._path.open("rb") as file:
                content = file.read(LARGEST_FILE_BYTES + 1)
        except OSError as error:
            raise UnavailableError(f"{self._path.name} cannot be read: {error.strerror}") from error
        if len(content) > LARGEST_FILE_BYTES:
            raise UnavailableError(f"{self._path.name} is larger than {LARGEST_FILE_BYTES} bytes")
        return self._parameters(content).get(name)

    def _parameters(self, content: bytes) -> dict[str, str]:
        try:
            if content.lstrip().startswith(b"{"):
                return _from_json(content)
            return _from_lines(content.decode("utf-8"))
        except (InvalidInputError, ValueError) as error:  # UnicodeDecodeError is a ValueError
            raise UnavailableError(f"{self._path.name} cannot be understood: {error}") from error


def _from_json(content: bytes) -> dict[str, str]:
    value = strict_json.decode(content)
    if not isinstance(value, dict):  # pragma: no cover - what starts with a brace is an object or malformed
        raise ValueError("not an object")
    found: dict[str, str] = {}
    for name, text in value.items():
        if isinstance(text, bool):
            found[name] = "true" if text else "false"
        elif isinstance(text, str):
            found[name] = text
        else:
            raise ValueError(f"{name} is neither a text nor a boolean")
    return found


def _from_lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, sign, value = line.partition("=")
        name = name.strip()
        if not sign or not name:
            raise ValueError("a line is not name=text")
        if name in found:
            raise ValueError(f"{name} stands there twice")
        found[name] = value.strip()
    return found
