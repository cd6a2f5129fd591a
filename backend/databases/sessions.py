"""What PostgreSQL makes depend on the session: roles, policies, settings, search_path.

A team can let the database choose the rows: by row-level security, by views that use
``current_user`` or ``current_setting('app.tenant')``, or by a ``search_path`` per tenant. Then, two
sessions see different rows through the same statement, and nothing that was learned in one session
may be shown in the other.
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

# Seconds. Migrations create policies and foreign tables, and a migration restarts the servers.
LIFETIME = 60

# What the catalogs say about all relations, in one query: which show different rows to different
# users, which get rows from elsewhere, and the sources of what reads settings. A rule that calls
# current_setting() has one of its two OIDs in its tree. SQLVALUEFUNCTION with 9 to 14 is
# current_role, current_user, user, session_user, current_catalog, or current_schema
# (SQLValueFunctionOp in PostgreSQL's primnodes.h). A materialized view shows everyone the rows of
# its last refresh.
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
        -- A partition can be a foreign table. The policies are those of the queried table.
        SELECT inhparent, false, above.elsewhere FROM pg_inherits WHERE inhrelid = above.oid
    ) edge (oid, restricted, elsewhere)
)
SELECT ARRAY(SELECT DISTINCT c.relname::text FROM above JOIN pg_class c USING (oid)
             WHERE restricted),
       ARRAY(SELECT DISTINCT c.relname::text FROM above JOIN pg_class c USING (oid)
             WHERE elsewhere),
       ARRAY(SELECT source FROM looking
             UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
             WHERE polqual IS NOT NULL -- a policy for INSERT has none
             UNION ALL SELECT pg_get_viewdef(ev_class) FROM rules
             WHERE action ~ ':funcid (2077|3294)\M'),
       -- Settings that any session can set, except those about a single transaction, random(), new
       -- tables and roles, the speed of the server, or the log.
       ARRAY(SELECT name FROM pg_settings
             WHERE context = 'user' AND (position('.' IN name) > 0 OR NOT (
             name ~ '(_cost|_mem|_mem_multiplier|_buffers|_collapse_limit|_timeout)$'
             OR name ~ '^(seed$|exit_on|application_name|default_(transaction|table|toast|stat)'
                '|(transaction|enable|geqo|jit|(max_|min_)?parallel|vacuum|wal|tcp|log|debug|trace'
                '|stats|commit|synchronous|backend|effective|maintenance|io|scram|password'
                '|createrole|check|client_(min|connection)|local|temp|cursor|plan|recursive'
                '|constraint|gin_pending)_)'))),
       -- What client_connection_check_interval needs. Other systems refuse the setting.
       version() LIKE '%linux%'
"""
# Settings of extensions that decide which rows a filter or an order by similarity finds. Those of
# other extensions are known once pg_settings lists them, in a session that has loaded the library.
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

# The state of a session, as columns that a statement can select with others. ``VALUES`` adds the
# team's own settings, if anything reads them.
STATE = """
session_user::text, current_user::text, current_setting('search_path'),
current_setting('row_security')
"""
VALUES = "ARRAY(SELECT current_setting(name, true) FROM unnest(%s::text[]) name)"
# By name, because pg_settings takes more than a millisecond for any number of rows, and never lists
# a team's own settings. As one text, because it is only passed on.
SETTINGS = """
SELECT session_user::text, current_setting('role'),
       json_object_agg(name, CASE
           -- If a library is not loaded, its settings are empty text after they are reset.
           WHEN position('.' IN name) > 0 AND name <> ALL(%s::text[])
           THEN nullif(current_setting(name, true), '') ELSE current_setting(name, true)
       END)::text,
       coalesce(bool_or(current_setting(name, true) IS NOT NULL)
                FILTER (WHERE name = ANY(%s::text[])), false)
FROM json_array_elements_text(%s::json) name
"""


@dataclass(frozen=True)
class Facts:
    """What the catalogs of a database say. The names of relations do not include their schema."""

    restricted: frozenset[str]  # these show different rows to different users
    elsewhere: frozenset[str]  # foreign tables, and relations that show rows of one
    settings: tuple[str, ...]  # the team's own, which a policy, view, or function reads
    has_computed_names: bool  # whether any of these computes the name of a setting
    settable: frozenset[str]  # of PostgreSQL and extensions, which anyone can set in a session
    can_check_clients: bool  # whether the server can check, during a query, for the client


@dataclass(frozen=True)
class Session:
    """What is set in a session, so that another can use it for one transaction."""

    user: str
    role: str
    settings: str  # a JSON object of texts; null for settings that the session does not know
    has_own: bool  # whether any of the team's own settings is set
    own: tuple[str, ...]  # the names of the team's own settings that were read

    def statement(self) -> tuple[str, list[Any]]:
        """SQL and its parameters, to run at the start of a transaction."""
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
    """What the catalogs of the database ``using`` say, at most LIFETIME old."""
    connection = connections[using]
    key = (using, str(connection.settings_dict["NAME"]))
    until, known = _facts.get(key, (0.0, None))
    if known is not None and time.monotonic() < until:
        return known
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        restricted, elsewhere, sources, settable, can_check_clients = cursor.fetchone()
    names = sorted({name for source in sources for name in _NAMES.findall(source)})
    computed = any(_COMPUTED.search(source) for source in sources)
    before = known.settable if known else OF_EXTENSIONS
    known = Facts(
        *(frozenset(restricted), frozenset(elsewhere), tuple(names), computed),
        before.union(settable),
        can_check_clients,
    )
    with _lock:
        _facts[key] = (time.monotonic() + LIFETIME, known)
    return known


def is_restricted(using: str, sql: str) -> bool:
    """Whether a statement may show different rows to different users.

    It looks for names in the text, so it can be true by mistake, but not false by mistake.
    """
    return any(name in sql for name in facts(using).restricted)


def state(using: str, *also: str) -> tuple[Any, ...]:
    """What decides which rows this thread's session sees.

    The columns of ``also`` come first, from the same statement.
    """
    own = facts(using).settings
    columns = ", ".join((*also, STATE, *([VALUES] if own else [])))
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [list(own)] if own else None)
        row = cursor.fetchone()
    return (*row[:-1], *row[-1]) if own else row


def current(using: str, read: Iterable[str] = ()) -> Session:
    """What is set in this thread's session. ``read`` names more of the team's own settings."""
    return _of(connections[using], facts(using), read)


def same_of(session: Session, wrapper: BaseDatabaseWrapper) -> Session:
    """The values that the session of ``wrapper`` has for everything in ``session``."""
    return _of(wrapper, facts(wrapper.alias), session.own)


def _of(connection: BaseDatabaseWrapper, known: Facts, read: Iterable[str]) -> Session:
    own, names = _asked(known.settings, known.settable, frozenset(read))
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS, [own, own, names])
        row: Any = cursor.fetchone()  # there is always one
    user, role, settings, has_own = row
    return Session(user, role, settings, has_own, tuple(own))


@functools.lru_cache(maxsize=64)  # the names come from a view, not from the client
def _asked(
    settings: tuple[str, ...], settable: frozenset[str], read: frozenset[str]
) -> tuple[list[str], str]:
    """The team's own settings to read, and the names of all settings as JSON."""
    own = sorted({*settings, *read} - settable)
    return own, json.dumps([*sorted(settable), *own])


def names_in(statement: str, params: Iterable[Any]) -> set[str]:
    """The settings that the statement itself reads."""
    if "current_setting" not in statement:
        return set()
    texts = [param for param in params if isinstance(param, str)]
    return {*_NAMES.findall(statement), *(text for text in texts if re.fullmatch(_NAME, text))}
