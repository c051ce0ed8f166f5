"""`make bench`: every budget of the product, measured in one interleaved run against peers and baselines.

    make bench                        all of it, about five minutes
    make bench ARGS="--quick"         about one minute, noisier
    make bench ARGS="--only http"     one part: evaluation, load, import, http, publish, management,
                                      budget, overrides, lambda, manage, dynamodb
    make bench ARGS="--json FILE"     the budgets for programs; --strict exits 1 where one is missed

The machines are shared: trust the ratios, which come from one run, and not the nanoseconds.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "src")]

import budget  # noqa: E402
import cold_import  # noqa: E402
import dynamodb_cost  # noqa: E402
import evaluation  # noqa: E402
import http_evaluation  # noqa: E402
import lambda_cold_start  # noqa: E402
import lambda_manage  # noqa: E402
import load_compile  # noqa: E402
import management  # noqa: E402
import overrides  # noqa: E402
import publish_visible  # noqa: E402
from report import Budget, budgets  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure Burgee against peers and budgets.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    names = ["evaluation", "load", "import", "http", "publish", "management", "budget", "overrides"]
    names += ["lambda", "manage", "dynamodb"]
    parser.add_argument("--only", choices=names)
    parser.add_argument("--json", type=Path, help="write the budgets to this file")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a budget is missed")
    options = parser.parse_args()
    parts: dict[str, Callable[[], list[Budget]]] = {
        "evaluation": lambda: evaluation.run(quick=options.quick),
        "load": lambda: load_compile.run(quick=options.quick, source=ROOT / "src"),
        "import": lambda: cold_import.run(quick=options.quick, source=ROOT / "src"),
        "http": lambda: http_evaluation.run(quick=options.quick, root=ROOT),
        "publish": lambda: publish_visible.run(quick=options.quick, root=ROOT),
        "management": lambda: management.run(quick=options.quick, root=ROOT),
        "budget": lambda: budget.run(quick=options.quick, root=ROOT),
        "overrides": lambda: overrides.run(quick=options.quick, root=ROOT),
        "lambda": lambda: lambda_cold_start.run(quick=options.quick, source=ROOT / "src"),
        "manage": lambda: lambda_manage.run(
            quick=options.quick, source=ROOT / "src", python=lambda_manage.interpreter(ROOT)
        ),
        "dynamodb": lambda: dynamodb_cost.bench(quick=options.quick),
    }
    found: list[Budget] = []
    for name, part in parts.items():
        if options.only in (None, name):
            found += part()
            sys.stdout.flush()
    print(budgets(found))
    if options.json:
        options.json.write_text(
            json.dumps([each._asdict() | {"is_met": each.is_met} for each in found], indent=2)
        )
    return 1 if options.strict and not all(each.is_met for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
