"""Makes the package of a function: `python3.13 infra/build.py evaluate DIR`.

Wheels for arm64 by their hashes, our sources, and bytecode of all of it. Lambda mounts packages read-only:
without shipped bytecode every cold start compiles anew, which doubles its CPU time. `unchecked-hash` survives
that a zip file knows no exact times.
"""

import argparse
import compileall
import platform
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent.resolve()
SOURCES = HERE.parent / "src" / "burgee"
RUNTIME = (3, 13)
LAMBDA_FOLDER = "/var/task"
LEFT_OUT = ("__pycache__", "testing", "cli", "grpc")
"""Folders of ours that no function needs."""
SERVICES = ("dynamodb", "firehose", "lambda", "s3", "sns", "sqs", "ssm", "sts")
"""The services whose descriptions stay in botocore; those of the other four hundred are nine tenths of it."""


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", choices=["evaluate", "manage"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--machine", default="aarch64", choices=["aarch64", "x86_64"])
    parser.add_argument("--this-python", action="store_true", help="build for the version that runs this")
    arguments = parser.parse_args()
    version = sys.version_info[:2] if arguments.this_python else RUNTIME
    if version != sys.version_info[:2]:
        wanted, have = ".".join(map(str, version)), platform.python_version()
        sys.exit(f"the bytecode must be of Python {wanted}, this is {have}: set BURGEE_BUILD_PYTHON")
    build(arguments.package, arguments.folder, machine=arguments.machine, version=version)


def build(package: str, folder: Path, *, machine: str, version: tuple[int, int]) -> None:
    """Fill `folder`. Raises CalledProcessError where pip fails, RuntimeError where a source is faulty."""
    folder.mkdir(parents=True, exist_ok=True)
    install(HERE / "functions" / f"{package}.lock", folder, machine=machine, version=version)
    trim(folder)
    copy_sources(folder)
    compile_all(folder)


def install(lock: Path, folder: Path, *, machine: str, version: tuple[int, int]) -> None:
    """The locked wheels for that machine; nothing is built."""
    platforms = [f"manylinux{tag}_{machine}" for tag in ("2014", "_2_17", "_2_28")]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    command += ["--require-hashes", "--only-binary=:all:", "--no-deps", "--upgrade", "--implementation", "cp"]
    command += ["--python-version", ".".join(map(str, version)), "--target", str(folder)]
    for name in platforms:
        command += ["--platform", name]
    subprocess.run([*command, "--requirement", str(lock)], check=True)


def trim(folder: Path) -> None:
    """Take out what is never read: other services' descriptions, commands."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    data = folder / "botocore" / "data"
    if data.is_dir():
        for each in data.iterdir():
            if each.is_dir() and each.name not in SERVICES:
                shutil.rmtree(each)


def copy_sources(folder: Path) -> None:
    """Our own package."""
    target = folder / "burgee"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SOURCES, target, ignore=shutil.ignore_patterns(*LEFT_OUT, "*.pyc"))


def compile_all(folder: Path) -> None:
    """Bytecode beside every source, with the names that tracebacks have on Lambda."""
    done = compileall.compile_dir(
        folder,
        quiet=1,
        force=True,
        workers=0,
        stripdir=str(folder),
        prependdir=LAMBDA_FOLDER,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise RuntimeError(f"not everything in {folder} compiles")


if __name__ == "__main__":
    main()
