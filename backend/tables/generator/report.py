"""What became of each relation, for people: served, partly served, or skipped, and why."""

from __future__ import annotations

from collections.abc import Iterator

from backend.tables.generator.plan import PARTLY, SERVED, SKIPPED, Plan


def summary(plan: Plan) -> str:
    """How many relations are served, partly served, and skipped."""
    counts = dict.fromkeys((SERVED, PARTLY, SKIPPED), 0)
    for served in plan.endpoints:
        counts[served.status] += 1
    counts[SKIPPED] = len(plan.skipped)
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "nothing"


def lines(plan: Plan, *, details: bool = True) -> Iterator[str]:
    """A line for each relation, and below it its notes with the SQL that would help.

    Without ``details``, only those of which something is missing.
    """
    for note in plan.warnings:
        yield note.problem
        yield f"    {note.sql}"
    for served in plan.endpoints:
        notes = [note for note in served.notes if details or note.is_loss]
        if details or notes:
            yield f"{served.label}: {served.status}, /api/{served.route}/"
        for note in notes:
            yield f"    {note.problem}"
            if note.sql:
                yield f"        {note.sql}"
    for skipped in plan.skipped:
        yield f"{skipped.schema}.{skipped.name}: {SKIPPED}"
        yield f"    {skipped.note.problem}"
        if skipped.note.sql:
            yield f"        {skipped.note.sql}"
