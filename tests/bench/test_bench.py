"""The arithmetic of bench/run."""

from __future__ import annotations

import pytest

from bench import dataset
from bench.cases import CASES, against_before
from bench.measure import Sample
from bench.report import TIMES, Results, markdown, ratios

BOUNDS = {"list": 60.0, "lines-200000": 60.0, "deep-page": 60.0}


def results(case: str, **speeds: list[float]) -> Results:
    """The results of runners, with their names from bench/cases.py, but with _ for a space."""
    measured = Results()
    for name, values in speeds.items():
        for value in values:
            runner = name.replace("_", " ").replace("1 000", "1,000")
            measured.add(case, runner, f"title of {runner}", Sample(speed=value, p50=0.5))
    return measured


def test_ratio_is_that_of_each_round_and_its_median():
    (ratio,) = ratios(results("list", ours=[30, 10, 60], y2019=[10, 10, 10]), BOUNDS)
    assert ratio.values == (3, 1, 6)
    assert ratio.median == 3
    assert ratio.reached is True
    assert ratio.target == f"at least 2.5{TIMES}"


def test_one_measurement_is_compared_with_all_rounds():
    (ratio,) = ratios(results("list", ours=[20, 30, 40], y2019=[10]), BOUNDS)
    assert ratio.values == (2, 3, 4)


@pytest.mark.parametrize(("speed", "reached"), [(1, True), (0.1, None)])
def test_run_that_did_not_finish_gives_a_bound(speed, reached):
    (ratio,) = ratios(results("lines-200000", ours_streamed=[speed], stock=[0]), BOUNDS)
    assert ratio.bound
    assert ratio.median == pytest.approx(speed * 60)
    assert ratio.reached is reached


def test_time_is_the_inverse_of_speed():
    measured = results("deep-page", ours_1_million_rows=[50], ours_1_000_rows=[100])
    (ratio,) = ratios(measured, BOUNDS)
    assert ratio.values == (2,)
    assert ratio.reached is False
    assert ratio.target == f"at most 1.5{TIMES}"


def test_report_has_the_ratios_and_says_what_was_refused():
    measured = results("list", ours=[20.0], y2019=[10.0])
    measured.refused["detail"] = "the bodies differ"
    text = markdown(measured, ratios(measured, BOUNDS), BOUNDS)
    two = f"2.00{TIMES}"
    ratio = f"| **{two}** | {two} | {two} | 1 | at least 2.5{TIMES} | **not reached** |"
    assert f"| List of 10, against 2019 {ratio}" in text
    assert "| title of ours | 20 | 500 ms |" in text
    assert "- detail: the bodies differ" in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_comparison_with_another_build_has_a_runner_for_each_of_ours(case):
    changed, comparisons = against_before(case)
    ours = [runner for runner in case.runners if runner.contestant == "ours"]
    assert [runner for runner in changed.runners if runner.contestant == "ours"] == ours
    assert {(c.runner, c.against) for c in comparisons} == {
        (runner.name, runner.name.replace("ours", "before", 1)) for runner in ours
    }
    assert {runner.name for runner in changed.runners} == {
        name for c in comparisons for name in (c.runner, c.against)
    }


def test_only_tables_that_are_read_are_filled() -> None:
    of = {case.name: dataset.tables_of([case]) for case in CASES}
    assert of["hello"] == of["static"] == []
    assert of["list"] == of["detail"] == ["rows_thousand"]
    assert of["first-page"] == ["rows_thousand", "rows_million"]
    assert of["box"] == of["polygons-100"] == ["polygons"]
    assert of["tile-points"] == ["points"]
    assert set(dataset.tables_of([*CASES])) == set(dataset.OF_PATHS.values())
