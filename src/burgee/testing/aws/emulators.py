"""Emulators of AWS in processes of their own, clients of theirs, and the tables of Burgee in them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DYNALITE = "dynalite@4.0.0"
REGION = "eu-west-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Credentials and a region that are nobody's."""

TABLES = {
    "featureFlag": ("id",),
    "featureFlagUserMapping": ("userId", "flagId"),
    "requestLimit": ("limitType",),
    "burgee": ("pk", "sk"),
}
"""The keys of every table, all of them texts."""


class MissingEmulatorError(Exception):
    """The emulator cannot be had on this machine; the message says why."""


@contextmanager
def running_moto() -> Iterator[str]:
    """The address of a moto server."""
    port = free_port()
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port) as url:
        yield url


@contextmanager
def running_dynalite(folder: Path) -> Iterator[str]:
    """The address of a dynalite that npm has installed in `folder`, from its cache where it can.

    Raises MissingEmulatorError without node, npm or network.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise MissingEmulatorError("dynalite needs node and npm, which are not installed")
    (folder / "package.json").write_text(json.dumps({"private": True}))
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", DYNALITE]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 and "network" in done.stderr.lower():
        raise MissingEmulatorError(f"npm has no network to install dynalite: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    port = free_port()
    program = str(folder / "node_modules" / "dynalite" / "cli.js")
    options = ["--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0", "--deleteTableMs", "0"]
    with _running(["node", program, *options], port) as url:
        yield url


def client_of(service: str, url: str) -> Any:
    """A boto3 client of `service` at `url`."""
    import boto3
    from botocore.config import Config

    config = Config(account_id_endpoint_mode="disabled", retries={"total_max_attempts": 2, "mode": "legacy"})
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106
        config=config,
    )


def create_tables(url: str, *names: str) -> Any:
    """A DynamoDB client of `url`, after the tables `names` (all, where none is named) were made there."""
    client = client_of("dynamodb", url)
    for name in names or tuple(TABLES):
        keys = TABLES[name]
        client.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    for name in names or tuple(TABLES):
        while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(0.01)
    return client


def drop_tables(url: str) -> None:
    """Leave no table at `url`."""
    client = client_of("dynamodb", url)
    for name in client.list_tables()["TableNames"]:
        client.delete_table(TableName=name)


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of somebody who takes every connection and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def full_house() -> Iterator[str]:
    """The address of somebody who takes no connection: its queue is full, and no more is said about it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        guests = [socket.socket() for _ in range(8)]
        try:
            for guest in guests:
                guest.setblocking(False)
                guest.connect_ex(listening.getsockname())
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            for guest in guests:
                guest.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT}
    )
    try:
        give_up = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < give_up, f"{command} does not listen"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
