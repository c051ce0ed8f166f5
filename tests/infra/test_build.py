"""The packages of the functions: complete, without what their cold start must not pay for, and compiled."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from infra.build import LAMBDA_FOLDER, build
from tests.infra.conftest import INFRA

from burgee.testing.aws.template import Template

pytestmark = pytest.mark.infra

PACKAGES = {
    "EvaluateFunction": "evaluate",
    "ManageFunction": "manage",
    "LimiterFunction": "manage",
    "PublishSnapshotFunction": "manage",
    "AuditFunction": "manage",
    "UsageFunction": "manage",
}
UNCHECKED_HASH = 0b01


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both packages, for this machine and this Python."""
    made = {name: tmp_path_factory.mktemp("packages") / name for name in ("evaluate", "manage")}
    for name, folder in made.items():
        build(name, folder, machine="x86_64", version=sys.version_info[:2])
    return made


@pytest.mark.parametrize("function", sorted(PACKAGES))
def test_a_handler_finds_all_that_it_imports_in_its_package(
    function: str, template: Template, folders: dict[str, Path]
) -> None:
    module, _, name = template.handler(function).rpartition(".")
    library = {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        sysconfig.get_config_var("DESTSHARED"),
    }
    path = [str(folders[PACKAGES[function]]), *sorted(each for each in library if each)]
    code = f"import sys; sys.path[:] = {path!r}; import importlib; importlib.import_module({module!r}).{name}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", sorted(PACKAGES))
def test_the_makefile_builds_that_package(function: str) -> None:
    lines = (INFRA / "functions" / "Makefile").read_text().split(f"build-{function}:\n")[1].splitlines()
    assert lines[0] == f'\t$(BUILD) {PACKAGES[function]} "$(ARTIFACTS_DIR)"'


@pytest.mark.parametrize("name", ["boto3", "botocore", "starlette", "mangum", "httpx", "apsw"])
def test_the_evaluation_function_carries_none_of_these(name: str, folders: dict[str, Path]) -> None:
    assert not (folders["evaluate"] / name).exists()
    assert (folders["manage"] / name).exists()


@pytest.mark.parametrize("package", ["evaluate", "manage"])
def test_every_source_has_bytecode_that_is_not_checked_against_it(
    package: str, folders: dict[str, Path]
) -> None:
    sources = [
        path for path in folders[package].rglob("*.py") if path.is_relative_to(folders[package] / "burgee")
    ]
    assert len(sources) > 100
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH


def test_tracebacks_name_the_folder_that_lambda_has(folders: dict[str, Path]) -> None:
    source = folders["evaluate"] / "burgee" / "errors.py"
    compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
    assert f"{LAMBDA_FOLDER}/burgee/errors.py".encode() in compiled


@pytest.mark.parametrize(("package", "megabytes"), [("evaluate", 26), ("manage", 75)])
def test_packages_stay_small(package: str, megabytes: int, folders: dict[str, Path]) -> None:
    size = sum(path.stat().st_size for path in folders[package].rglob("*") if path.is_file())
    assert size < megabytes * 1_000_000


def test_bytecode_of_another_python_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(INFRA / "build.py"), "evaluate", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if sys.version_info[:2] == (3, 13):
        pytest.skip("this is the Python of the functions")
    assert done.returncode != 0
    assert "must be of Python 3.13" in done.stderr
