"""What ``manage.py doctor`` concludes from what it has found."""

from dataclasses import replace

import pytest

from backend.boot.budget import Load
from backend.conf.environment import Environment
from backend.conf.errors import findings_of
from backend.conf.findings import OK, PROBLEM, WARNING, Finding, worst_of
from backend.conf.machine_limits import MIB
from backend.doctor import databases, machine, servers
from backend.doctor import run as doctor
from backend.doctor.databases import Examination, Facts

FACTS = Facts(
    version="17.2",
    server="2026-01-01 00:00:00.123456+00",
    database=1,
    migrations_table=10,
    max_connections=20,
    reserved=3,
    clock=1000.0,
    search_path='"$user", public',
    searched=["public"],
    schemas=["public", "census"],
    postgis="3.5.2",
    postgis_available="3.5.2",
    has_geometry_type=True,
    asked=999.9,
    answered=1000.1,
)


def examined(alias: str, **facts: object) -> Examination:
    return Examination(alias, facts=replace(FACTS, **facts), migrates=True)


@pytest.mark.parametrize(
    ("clock", "level"),
    [(1000, None), (1002, None), (998, None), (1003, WARNING), (996, WARNING), (1090, PROBLEM)],
)
def test_clock_is_judged_by_how_far_it_is_off(clock, level):
    levels = [finding.level for finding in databases.clock("default", replace(FACTS, clock=clock))]
    assert levels == ([level] if level else [])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"$user", public', ["$user", "public"]),
        ('Census,"Land Use", "a""b"', ["census", "Land Use", 'a"b']),
        ("", []),
    ],
)
def test_search_path_is_read_as_postgresql_reads_it(text, names):
    assert databases.schemas_of(text) == names


@pytest.mark.parametrize(
    ("path", "searched", "level", "message"),
    [
        ("typo, public", ["public"], PROBLEM, "'typo' of the search_path (typo, public) does not"),
        ("public, typo", ["public"], WARNING, "'typo'"),
        ("census, public", ["public"], PROBLEM, "cannot be used by this user"),
        ('"$user", public', ["public"], None, ""),
    ],
)
def test_schemas_of_the_search_path_must_be_usable(path, searched, level, message):
    findings = list(
        databases._search_path("default", replace(FACTS, search_path=path, searched=searched))
    )
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert message in "".join(finding.message for finding in findings)


def test_aliases_that_share_the_table_of_migrations_are_a_problem():
    others = [examined("other_table", migrations_table=11), examined("other_server", server="x")]
    assert list(servers.shared_migrations([examined("default"), *others])) == []
    [finding] = servers.shared_migrations([examined("default"), examined("census")])
    assert (finding.level, finding.subject) == (PROBLEM, "database census")
    assert "django_migrations table of 'default'" in finding.message


def test_connections_are_counted_for_each_server():
    both = [examined("default"), examined("census")]
    load = Load(replicas=1, workers=2, threads=3, has_streams=False)
    [finding] = servers.connection_budget(both, load)
    assert (finding.level, "= 16 connections" in finding.message) == (OK, True)
    [finding] = servers.connection_budget(both, replace(load, replicas=2))
    assert finding.level == WARNING
    arithmetic = "2 replicas x 2 workers x (3 threads + 1 for probes) x 2 databases"
    assert f"{arithmetic} (default, census) = 32 connections" in finding.message
    assert "17 (max_connections 20 - 3 reserved)" in finding.message
    two = [examined("default"), examined("census", server="another")]
    assert [one.level for one in servers.connection_budget(two, load)] == [OK, OK]


@pytest.mark.parametrize(
    ("memory", "workers", "level", "fix"),
    [
        ("max", 4, OK, ""),
        (str(256 * MIB), 4, OK, ""),
        (str(128 * MIB), 4, WARNING, "Set WEB_CONCURRENCY=1, or allow 256 MiB."),
        (str(64 * MIB), 1, WARNING, "Allow 112 MiB, which one worker needs."),
    ],
)
def test_memory_is_judged_by_the_workers(tmp_path, memory, workers, level, fix):
    (tmp_path / "memory.max").write_text(memory)
    findings = list(machine.memory_and_cpu(workers, tmp_path))
    assert [(one.level, one.fix) for one in findings if one.subject == "memory"] == [(level, fix)]


def test_value_that_cannot_be_read_is_a_problem_and_the_others_are_still_read():
    env = Environment({"PORT": "http", "WEB_THREADS": "many", "DEBUGG": "true"})
    findings = list(doctor._environment(env))
    assert [finding.level for finding in findings] == [PROBLEM, PROBLEM, WARNING]
    assert "PORT is 'http'" in findings[0].message


def test_check_that_fails_is_a_finding_after_those_that_it_had_already():
    def check():
        yield Finding(OK, "files", "fine")
        raise OSError("disk on fire")

    fine, failed = findings_of("files", check)
    assert fine.level == OK
    assert (failed.level, failed.subject) == (PROBLEM, "files")
    assert "disk on fire" in failed.message


def test_text_ends_with_the_worst_and_the_verdict():
    findings = [Finding(PROBLEM, "a", "bad", "correct it"), Finding(OK, "b", "good")]
    assert doctor.as_text(findings).splitlines() == [
        "ok       b: good",
        "problem  a: bad",
        "         FIX: correct it",
        "not ready for production; problems: 1, warnings: 0, ok: 1",
    ]
    assert worst_of([]) == OK
