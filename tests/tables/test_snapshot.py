"""Each difference of a database is a line that names the table and the column."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from backend.tables.catalog.relations import Column, ForeignKey, Relation
from backend.tables.generator import plan
from backend.tables.project import snapshot

STATUS = Column("status", "permit_status", "permit_status", "e", "E", labels=("open", "closed"))
PERMITS = Relation(
    "city",
    "permits",
    "table",
    (
        Column("id", "integer", "int4", "b", "N", nullable=False),
        STATUS,
        Column("fee", "numeric(8,2)", "numeric", "b", "N", digits=(8, 2)),
        Column("code", "postal_code", "text", "b", "S", comment="of the post"),
    ),
    key=("id",),
    comment="Building permits",
    rows=7,
)
ID, _, FEE, CODE = PERMITS.columns
TEXT_ID = replace(ID, declared="text", type="text", category="S")


def taken(*relations: Relation) -> snapshot.Snapshot:
    """A snapshot, as it is read again from a file."""
    tables = tuple(
        plan.Table(each, "default", each.name.title(), each.name, ()) for each in relations
    )
    return json.loads(json.dumps(snapshot.snapshot(plan.Plan(tables))))


def with_columns(*columns: Column) -> Relation:
    return replace(PERMITS, columns=columns)


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        (PERMITS, []),
        (replace(PERMITS, rows=9, indexed=("fee",), is_owned=True, can_insert=True), []),
        (replace(PERMITS, comment=""), ["the comment changed"]),
        (replace(PERMITS, key=()), ["key: (id) became nothing"]),
        (
            replace(PERMITS, foreign_keys=(ForeignKey(("code",), "city", "codes", ("code",)),)),
            ["foreign keys: nothing became (code -> city.codes (code))"],
        ),
        (
            with_columns(ID, STATUS, CODE),
            ["column fee is gone, or the role cannot read it"],
        ),
        (
            with_columns(*PERMITS.columns, replace(FEE, name="paid")),
            ["column paid: new, numeric(8,2)"],
        ),
        (with_columns(TEXT_ID, STATUS, FEE, CODE), ["column id: integer became text"]),
        (
            with_columns(ID, replace(STATUS, labels=("open", "closed", "lost")), FEE, CODE),
            ["column status: the labels became (open; closed; lost)"],
        ),
        (
            with_columns(replace(ID, nullable=True), STATUS, FEE, replace(CODE, comment="")),
            ["column id: it can be null", "column code: the comment changed"],
        ),
        (
            with_columns(ID, STATUS, replace(FEE, is_generated=True), replace(CODE, type="int4")),
            ["column fee: it is generated", "column code: postal_code is now another type"],
        ),
        (with_columns(STATUS, ID, FEE, CODE), ["the order of the columns changed"]),
    ],
)
def test_each_difference_is_a_line(now: Relation, lines: list[str]):
    differences = list(snapshot.differences(taken(PERMITS), taken(now)))
    assert differences == [f"city.permits: {line}" for line in lines]


def test_tables_come_and_go():
    stops = replace(PERMITS, name="stops", columns=(ID,))
    assert list(snapshot.differences(taken(PERMITS), taken(stops))) == [
        "city.permits: it is gone, or the role cannot read it",
        "city.stops: new, with 1 columns",
    ]
