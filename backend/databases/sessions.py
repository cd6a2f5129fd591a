"""What PostgreSQL itself makes depend on who asks: roles, policies, settings, search_path.

A team may let the database choose the rows: by row-level security, by views that look at
``current_user`` or ``current_setting('app.tenant')``, by a ``search_path`` per tenant. Then
two sessions see different rows through the same statement, and what is known of one must
not be told to the other.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# Seconds. A policy or a foreign table is made by a migration, which restarts what serves.
LIFETIME = 60

# What the catalogs say, at once for all relations: which show other rows to others, which
# take rows from elsewhere, and the sources of all that reads settings. A rule that calls
# current_setting() has one of its two numbers in its tree; SQLVALUEFUNCTION with 9 to 14 is
# current_role, current_user, user, session_user, current_catalog and current_schema
# (SQLValueFunctionOp in PostgreSQL's primnodes.h). What a materialized view shows is what
# its last refresh wrote, for everybody.
FACTS = r"""
WITH RECURSIVE rules AS (
    SELECT r.oid, r.ev_class, r.ev_action::text AS action
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE r.ev_type = '1' AND c.relkind = 'v' AND c.oid >= 16384
), asking AS (
    SELECT string_agg(oid::text, '|') AS oids FROM pg_proc
    WHERE oid < 16384 AND proname ~ '^(pg_has_role|has_\w+_privilege|row_security_active)$'
), functions AS (
    SELECT p.oid, concat(p.prosrc, pg_get_function_sqlbody(p.oid)) AS source
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE l.lanname NOT IN ('c', 'internal') AND p.prorettype <> 'trigger'::regtype
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                      AND d.objid = p.oid AND d.deptype = 'e')
), looking AS (
    SELECT oid, source FROM functions
    WHERE source ~* '\m(current_setting|current_user|current_role|session_user|pg_has_role)\M'
       OR source ~* '\m(has_\w+_privilege|row_security_active)\M'
       OR source ~* '\mshow\M.*\.'
), marked AS (
    SELECT oid, relrowsecurity AS restricted, relkind = 'f' AS elsewhere
    FROM pg_class WHERE relrowsecurity OR relkind = 'f'
    UNION ALL
    SELECT ev_class, true, false FROM rules CROSS JOIN asking
    WHERE (action ~ ':funcid (2077|3294)\M' OR action ~ 'SQLVALUEFUNCTION :op (9|1[0-4])\M'
           OR action ~ concat(':funcid (', asking.oids, ')\M')
           OR EXISTS (SELECT FROM pg_depend d JOIN looking ON looking.oid = d.refobjid
                      WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = rules.oid
                      AND d.refclassid = 'pg_proc'::regclass))
), above AS (
    SELECT oid, restricted, elsewhere FROM marked
    UNION
    SELECT edge.oid, edge.restricted, edge.elsewhere
    FROM above CROSS JOIN LATERAL (
        SELECT rules.ev_class, above.restricted, above.elsewhere
        FROM pg_depend d JOIN rules ON rules.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid = above.oid
        UNION ALL
        -- A partition may be a foreign table; policies are those of the table that is asked.
        SELECT inhparent, false, above.elsewhere FROM pg_inherits WHERE inhrelid = above.oid
    ) edge (oid, restricted, elsewhere)
)
SELECT ARRAY(SELECT DISTINCT c.relname::text FROM above JOIN pg_class c USING (oid)
             WHERE restricted),
       ARRAY(SELECT DISTINCT c.relname::text FROM above JOIN pg_class c USING (oid)
             WHERE elsewhere),
       ARRAY(SELECT source FROM looking
             UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
             UNION ALL SELECT pg_get_viewdef(ev_class) FROM rules
             WHERE action ~ ':funcid (2077|3294)\M'),
       -- Those that any session may set, but for what concerns one transaction, random(), tables
       -- and roles that are made, and how fast the server works or what it logs.
       ARRAY(SELECT name FROM pg_settings
             WHERE context = 'user' AND (position('.' IN name) > 0 OR NOT (
             name ~ '(_cost|_mem|_mem_multiplier|_buffers|_collapse_limit|_timeout)$'
             OR name ~ '^(seed$|exit_on|application_name|default_(transaction|table|toast|stat)'
                '|(transaction|enable|geqo|jit|(max_|min_)?parallel|vacuum|wal|tcp|log|debug|trace'
                '|stats|commit|synchronous|backend|effective|maintenance|io|scram|password'
                '|createrole|check|client_(min|connection)|local|temp|cursor|plan|recursive'
                '|constraint|gin_pending)_)')))
"""
# Of extensions, which rows a filter or an order finds by likeness. Another extension's are known
# once pg_settings has shown them, which it does while a session has loaded the library.
# https://www.postgresql.org/docs/current/pgtrgm.html, https://github.com/pgvector/pgvector
OF_EXTENSIONS = frozenset(
    f"{library}.{name}"
    for library, names in {
        "pg_trgm": (
            *("similarity_threshold", "word_similarity_threshold"),
            "strict_word_similarity_threshold",
        ),
        "hnsw": ("ef_search", "iterative_scan", "max_scan_tuples", "scan_mem_multiplier"),
        "ivfflat": ("probes", "iterative_scan", "max_probes"),
    }.items()
    for name in names
)
_NAME = r"[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)+"
_NAMES = re.compile(rf"'({_NAME})'")
_COMPUTED = re.compile(r"current_setting\s*\(\s*(?!\s|')|\bexecute\b[^;]*\bshow\b", re.IGNORECASE)

# Of a session, columns for a statement that may ask for more besides; ``VALUES`` where settings
# of the team's own are read.
STATE = """
session_user::text, current_user::text, current_setting('search_path'),
current_setting('row_security')
"""
VALUES = "ARRAY(SELECT current_setting(name, true) FROM unnest(%s::text[]) name)"
# By name, because pg_settings takes a millisecond and more, however few of its rows are asked for;
# and it never lists a team's own settings. As one text, which is not looked into on the way.
SETTINGS = """
SELECT session_user::text, current_setting('role'),
       json_object_agg(name, CASE
           -- Of a library that is not loaded, what was set and set back is an empty text.
           WHEN position('.' IN name) > 0 AND name <> ALL(%s::text[])
           THEN nullif(current_setting(name, true), '') ELSE current_setting(name, true)
       END)::text,
       coalesce(bool_or(current_setting(name, true) IS NOT NULL)
                FILTER (WHERE name = ANY(%s::text[])), false)
FROM json_array_elements_text(%s::json) name
"""


@dataclass(frozen=True)
class Facts:
    """What the catalogs of a database say. Relations are named without their schema."""

    restricted: frozenset[str]  # other rows for others
    elsewhere: frozenset[str]  # foreign tables, and what shows rows of one
    settings: tuple[str, ...]  # of the team's own that a policy, view or function reads
    has_computed_names: bool  # whether one reads settings whose names it makes up
    settable: frozenset[str]  # of PostgreSQL's and of extensions' settings, by anybody in a session


@dataclass(frozen=True)
class Session:
    """What is set in a session, to be set in another for the length of a transaction."""

    user: str
    role: str
    settings: str  # a JSON object of texts, null for what is not known in the session
    has_own: bool  # settings of the team's among them
    own: tuple[str, ...]  # the names of those that were asked for

    def statement(self) -> tuple[str, list[Any]]:
        """SQL for a transaction that has begun, and its parameters."""
        sql = """
        SELECT set_config(name, value, true) FROM json_each_text(%s::json) given (name, value)
        WHERE value IS NOT NULL AND current_setting(name, true) IS DISTINCT FROM value;
        SELECT set_config('session_authorization', %s, true) WHERE session_user <> %s;
        SELECT set_config('role', %s, true)
        """
        return sql, [self.settings, self.user, self.user, self.role]


_facts: dict[tuple[str, str], tuple[float, Facts]] = {}
_lock = threading.Lock()


def facts(using: str) -> Facts:
    """What the catalogs of the database ``using`` say, as of at most LIFETIME ago."""
    connection = connections[using]
    key = (using, str(connection.settings_dict["NAME"]))
    until, known = _facts.get(key, (0.0, None))
    if known is not None and time.monotonic() < until:
        return known
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        restricted, elsewhere, sources, settable = cursor.fetchone()
    names = sorted({name for source in sources for name in _NAMES.findall(source)})
    computed = any(_COMPUTED.search(source) for source in sources)
    before = known.settable if known else OF_EXTENSIONS
    known = Facts(
        *(frozenset(restricted), frozenset(elsewhere), tuple(names), computed),
        before.union(settable),
    )
    with _lock:
        _facts[key] = (time.monotonic() + LIFETIME, known)
    return known


def is_restricted(using: str, sql: str) -> bool:
    """Whether a statement may show other rows to others.

    By the names in it, so that one may be called so that is not, never the other way round.
    """
    return any(name in sql for name in facts(using).restricted)


def state(using: str, *also: str) -> tuple[Any, ...]:
    """What decides in this thread's session about the rows that it sees.

    After the columns of ``also``, which are asked for in the same statement.
    """
    own = facts(using).settings
    columns = ", ".join((*also, STATE, *([VALUES] if own else [])))
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [list(own)] if own else None)
        row = cursor.fetchone()
    return (*row[:-1], *row[-1]) if own else row


def current(using: str, read: Iterable[str] = ()) -> Session:
    """What is set in this thread's session; ``read`` names further settings of the team's."""
    return _of(connections[using], facts(using), read)


def same_of(session: Session, wrapper: BaseDatabaseWrapper) -> Session:
    """What is set in the session of ``wrapper`` of all that ``session`` has."""
    return _of(wrapper, facts(wrapper.alias), session.own)


def _of(connection: BaseDatabaseWrapper, known: Facts, read: Iterable[str]) -> Session:
    own, names = _asked(known.settings, known.settable, frozenset(read))
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS, [own, own, names])
        row: Any = cursor.fetchone()  # there is always one
    user, role, settings, has_own = row
    return Session(user, role, settings, has_own, tuple(own))


@functools.lru_cache(maxsize=64)  # what a view reads is its own, and not the client's
def _asked(
    settings: tuple[str, ...], settable: frozenset[str], read: frozenset[str]
) -> tuple[list[str], str]:
    """The settings of the team's own that are asked for, and all names, as JSON."""
    own = sorted({*settings, *read} - settable)
    return own, json.dumps([*sorted(settable), *own])


def names_in(statement: str, params: Iterable[Any]) -> set[str]:
    """The settings that a statement reads itself."""
    if "current_setting" not in statement:
        return set()
    texts = [param for param in params if isinstance(param, str)]
    return {*_NAMES.findall(statement), *(text for text in texts if re.fullmatch(_NAME, text))}
