"""The results, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.cases import CASES, COMPARISONS, Comparison
from bench.measure import Sample

MB = 1e6
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Fact:
    """A measurement that is not a ratio, with its limit in words."""

    title: str
    measured: str
    limit: str
    reached: bool


@dataclass
class Results:
    """``samples``: by case and runner, one per round."""

    about: list[tuple[str, str]] = field(default_factory=list)
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    titles: dict[str, dict[str, str]] = field(default_factory=dict)
    comparisons: Sequence[Comparison] = COMPARISONS
    facts: list[Fact] = field(default_factory=list)
    resident: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, case: str, runner: str, title: str, sample: Sample) -> None:
        self.samples.setdefault(case, {}).setdefault(runner, []).append(sample)
        self.titles.setdefault(case, {})[runner] = title


@dataclass(frozen=True)
class Ratio:
    """A comparison's ratio in each round. ``bound``: the other contestant did not finish at all."""

    comparison: Comparison
    values: tuple[float, ...]
    bound: bool = False

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def reached(self) -> bool | None:
        aim = self.comparison
        if aim.at_least is not None:
            # The ratio is greater than the bound, so a bound below the target proves nothing.
            return self.median >= aim.at_least or (None if self.bound else False)
        return None if aim.at_most is None else self.median <= aim.at_most

    @property
    def target(self) -> str:
        aim = self.comparison
        if aim.at_least is not None:
            return f"at least {aim.at_least:g}{TIMES}"
        return "" if aim.at_most is None else f"at most {aim.at_most:g}{TIMES}"


def ratios(results: Results, bounds: dict[str, float]) -> list[Ratio]:
    """The ratios of all measured comparisons. ``bounds``: seconds after which each case gave up."""
    all_ratios = []
    for comparison in results.comparisons:
        case = results.samples.get(comparison.case, {})
        ours, others = case.get(comparison.runner), case.get(comparison.against)
        if not ours or not others:
            continue
        # A slow contestant was measured only once. Compare each of our rounds with that one.
        others = others if len(others) == len(ours) else [others[0]] * len(ours)
        pairs = [(own.speed, other.speed) for own, other in zip(ours, others, strict=True)]
        bound = any(other == 0 for _, other in pairs)
        # A contestant that did not finish took at least that many seconds: the ratio is a bound.
        least = 1 / bounds.get(comparison.case, 1)
        values = [own / (other or least) for own, other in pairs]
        if comparison.at_most is not None:
            values = [1 / value if value else float("inf") for value in values]
        all_ratios.append(Ratio(comparison, tuple(values), bound))
    return all_ratios


def markdown(results: Results, all_ratios: list[Ratio], bounds: dict[str, float]) -> str:
    """The whole report. ``bounds`` is the same as in ``ratios``."""
    parts = ["# Results of `bench/run`", _about(results)]
    parts.append("![The ratios below as bars, with their targets](results.svg)")
    parts += ["## Ratios", RATIOS, _table(RATIO_HEAD, map(_ratio_row, all_ratios))]
    if results.facts:
        rows = [
            (fact.title, fact.measured, fact.limit, _word(fact.reached)) for fact in results.facts
        ]
        parts += ["## Limits", _table(("what", "measured", "limit", "reached"), rows)]
    parts.append("## Measurements")
    parts.append(MEASURED)
    for case in CASES:
        if case.name in results.samples:
            parts += [f"### {case.title}", _case_table(results, case.name, bounds[case.name])]
    for name, title, rows in _extra(results):
        parts += [f"### {title}", _table(("", name, "lowest", "highest", "rounds"), rows)]
    if results.resident:
        rows = [(title, _bytes(size)) for title, size in results.resident.items()]
        parts += ["### Memory after all rounds: PSS of all processes", _table(("", "memory"), rows)]
    if results.refused:
        parts.append("## Not measured")
        parts += [f"- {name}: {reason}" for name, reason in results.refused.items()]
    return "\n\n".join(parts) + "\n"


RATIO_HEAD = ("comparison", "median", "lowest", "highest", "rounds", "target", "reached")
RATIOS = (
    f"A ratio of 2{TIMES} means that this image is twice as fast or, in the rows about time and "
    "memory, that it takes twice as much. The columns show the median, the lowest, and the highest "
    "ratio of the rounds. `>` means that the other contestant did not finish: the ratio is greater."
)
MEASURED = (
    "All values are medians of the rounds. p50 and p99 are response times under load. First byte "
    "and bytes belong to a single request without other load. *n* is the number of rounds: 1 if a "
    "response is too slow to repeat."
)


def _about(results: Results) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in results.about)


def _ratio_row(ratio: Ratio) -> tuple[str, ...]:
    low, high = min(ratio.values), max(ratio.values)
    more = ">" if ratio.bound else ""
    rounds = str(len(ratio.values))
    return (
        *(ratio.comparison.title, f"**{more}{times(ratio.median)}**", times(low), times(high)),
        *(rounds, ratio.target, _word(ratio.reached)),
    )


def _case_table(results: Results, case: str, bound: float) -> str:
    head = ("", "per second", "p50", "p99", "first byte", "bytes", "n")
    rows = []
    for runner, samples in results.samples[case].items():
        title = results.titles[case][runner]
        if not any(sample.speed for sample in samples):
            rows.append((title, f"did not finish within {bound:g} s", *[""] * 4, str(len(samples))))
            continue
        speed = median(sample.speed for sample in samples)
        rows.append(
            (
                *(title, f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"),
                *(_time(_middle(samples, name)) for name in ("p50", "p99", "ttfb")),
                *(_bytes(_middle(samples, "size")), str(len(samples))),
            )
        )
    return _table(head, rows)


def _extra(results: Results) -> Iterable[tuple[str, str, list[tuple[str, ...]]]]:
    boots = results.samples.get("boot", {})
    if boots:
        rows = [(n, [s.p50 for s in samples], _time) for n, samples in boots.items()]
        title = "Cold start: from docker run to the first 200"
        yield "seconds", title, _spread(results, "boot", rows)
    used = results.samples.get("memory", {})
    if used:
        rows = [(n, [s.memory for s in samples], _bytes) for n, samples in used.items()]
        title = "Memory after 10,000 requests: PSS of all processes"
        yield "memory", title, _spread(results, "memory", rows)


def _spread(results: Results, case: str, rows: list) -> list[tuple[str, ...]]:
    return [
        (
            *(results.titles[case][name], show(median(values)), show(min(values))),
            *(show(max(values)), str(len(values))),
        )
        for name, values, show in rows
    ]


def _middle(samples: Sequence[Sample], name: str) -> float | None:
    values = [getattr(sample, name) for sample in samples if getattr(sample, name) is not None]
    return median(values) if values else None


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *rows))


def times(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}{TIMES}"
    return f"{value:.1f}{TIMES}" if value >= 10 else f"{value:.2f}{TIMES}"


def _word(reached: bool | None) -> str:
    return {None: "", True: "reached", False: "**not reached**"}[reached]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _bytes(size: float | None) -> str:
    if size is None:
        return ""
    return f"{size / MB:.1f} MB" if size >= MB else f"{size:,.0f}"
