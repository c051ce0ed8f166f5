"""The evaluation function beside a stub of S3 and DynamoDB that counts every call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from burgee.testing.aws.evaluation_cloud import Cloud
from burgee.testing.aws.stub_service import stub_service


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with stub_service(lambda _: (500, {}, b"")) as service:
        yield Cloud(service, tmp_path)
