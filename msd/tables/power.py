"""What a finished study's tests of claims can see, from the variances that its table of claims holds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msd.errors import UserError
from msd.lineage.studies import check_results
from msd.measure.power import MOST_SEEDS, Design
from msd.tables.cell import Cell
from msd.tables.table import Table, read_table
from msd.tables.text import number
from msd.tables.verdict import SIGNIFICANT

SEEN = "four times in five (80 % power)"


@dataclass(frozen=True)
class TestPower:
    """One primary test: its design, its number of seeds, and the smallest difference that it sees."""

    __test__ = False

    cell: Cell
    design: Design
    seeds: int

    @property
    def smallest(self) -> float:
        """With the seeds that the study has."""
        return self.design.smallest(self.seeds)


def powers(table: Table) -> list[TestPower]:
    """Every test of a primary task over more than one seed, at the strictest step of Holm's correction."""
    tested = [
        (cell, cell.against.spread, cell.against.freedom, cell.against.n)
        for cell in table.cells
        if cell.details.get("part") == "primary" and cell.against is not None and cell.against.spread is not None
        and (cell.against.n or 0) > 1
    ]  # fmt: skip
    size = Counter(cell.place["claim"] for cell, *_ in tested)
    return [
        TestPower(
            cell,
            Design(spread, SIGNIFICANT / size[cell.place["claim"]], freedom if "teachers" in spread else None),
            int(n or 0),
        )
        for cell, spread, freedom, n in tested
    ]


def power_sentence(table: Table) -> str:
    """What the study sees of differences in score, in one sentence for the report's first screen."""
    scores = [one for one in powers(table) if not table.more["claims"][one.cell.place["claim"]]["measures"]]
    if not scores:
        return "Power: no primary task has a test of scores over more than one seed, so nothing can be said."
    ranges = []
    for claim in dict.fromkeys(one.cell.place["claim"] for one in scores):
        seen = sorted(number(one.smallest) for one in scores if one.cell.place["claim"] == claim)
        ranges.append(f"{claim} {seen[0]}" + (f" to {seen[-1]}" if seen[-1] != seen[0] else ""))
    seeds = sorted({one.seeds for one in scores})
    counted = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return f"Power: with {counted} seeds a task, a true difference in score is found {SEEN} from: {', '.join(ranges)}."


def power(study: str, difference: float | None = None, *, results: Path = Path("results")) -> str:
    """What `msd power` prints. Raises UserError for a study without a table of claims, or one of an earlier form."""
    paths = [results / study / "tables/claims.json", results / "published" / study / "claims.json"]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        check_results(study, results)
        raise UserError(f"{paths[0]} is not there; run the study {study!r} first")
    table = read_table(str(path))
    tests = powers(table)
    if not tests:
        raise UserError(f"{path} has no test of a primary task over several seeds whose variances are known")
    return "\n".join([power_sentence(table), *_lines(table, tests, difference)])


def _lines(table: Table, tests: list[TestPower], difference: float | None) -> Iterator[str]:
    title = "" if difference is None else f"   seeds for {difference:g}"
    yield f"{'claim':<7}{'task':<22}{'seeds':>6}{'error':>10}{'sees':>10}{title}"
    for one in tests:
        claim = one.cell.place["claim"]
        line = f"{claim:<7}{table.titles['dataset'][one.cell.dataset][:21]:<22}{one.seeds:>6}"
        line += f"{one.design.error(one.seeds):>10.4f}{one.smallest:>10.4f}"
        if difference is not None and not table.more["claims"][claim]["measures"]:
            seeds = one.design.seeds_for(difference)
            at_best = f"no number: {one.design.smallest(MOST_SEEDS):.4f} at best, by pictures and teachers"
            line += f"  {seeds or at_best:>{len(title) - 2}}"
        yield line
