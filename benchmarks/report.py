"""Tables and budgets, as text."""

from typing import NamedTuple


class Budget(NamedTuple):
    """A figure that was measured, and what it must be at least or at most."""

    what: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return (self.at_least is None or self.measured >= self.at_least) and (
            self.at_most is None or self.measured <= self.at_most
        )

    def line(self) -> list[str]:
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        limit = self.at_least if self.at_least is not None else self.at_most
        share = self.measured / limit if limit else 0
        return [
            self.what,
            f"{self.measured:,.2f}{self.unit}",
            f"{bound}{self.unit}",
            "PASS" if self.is_met else f"MISS ({share:.2f} of it)",
        ]


def table(title: str, header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]

    def written(row: list[str]) -> str:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(
        ["", title, written(header), "  ".join("-" * width for width in widths), *map(written, rows)]
    )


def budgets(found: list[Budget]) -> str:
    return table("Budgets", ["what", "measured", "must be", ""], [budget.line() for budget in found])
