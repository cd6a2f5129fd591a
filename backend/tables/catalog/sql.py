"""The statements of the catalog: a few for a whole database, with names only as parameters."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

ROLE = """
SELECT rolname::text AS role, rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user
"""

SCHEMAS = """
SELECT oid::bigint, nspname::text AS name, has_schema_privilege(oid, 'USAGE') AS is_usable,
    coalesce(obj_description(oid, 'pg_namespace'), '') AS comment
FROM pg_namespace ORDER BY nspname
"""

# Partitions are part of their parent, unless that is in a schema that was not asked for. The rows
# of a partition or of a child (INHERITS) are rows of its parent, too.
RELATIONS = """
WITH RECURSIVE picked AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = ANY (%(schemas)s::oid[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT (c.relispartition AND EXISTS (
        SELECT FROM pg_partition_ancestors(c.oid) a JOIN pg_class parent ON parent.oid = a.relid
        WHERE parent.oid <> c.oid AND parent.relnamespace = ANY (%(schemas)s::oid[])
    ))
    AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.objsubid = 0 AND d.deptype = 'e'
    )
), tree (root, oid) AS (
    SELECT oid, oid FROM picked
    UNION
    SELECT root, inhrelid FROM tree JOIN pg_inherits ON inhparent = tree.oid
), counted AS (
    SELECT root, sum(greatest(reltuples, 0)) AS rows
    FROM tree JOIN pg_class USING (oid) WHERE relkind <> 'p' GROUP BY root
    HAVING bool_or(reltuples >= 0)
)
SELECT c.oid::bigint, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
    coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
    CASE WHEN c.relkind = 'v' THEN -1 ELSE coalesce(counted.rows, -1) END::bigint AS rows,
    c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AS has_children,
    c.relispopulated AS is_populated, c.relrowsecurity AS has_row_security,
    row_security_active(c.oid) AS is_row_security_active,
    pg_has_role(c.relowner, 'USAGE') AS is_owned,
    has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT') AS can_select,
    has_any_column_privilege(c.oid, 'INSERT') AND allowed & 8 = 8 AS can_insert,
    has_any_column_privilege(c.oid, 'UPDATE') AND allowed & 4 = 4 AS can_update,
    has_table_privilege(c.oid, 'DELETE') AND allowed & 16 = 16 AS can_delete
FROM picked c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN counted ON counted.root = c.oid
CROSS JOIN LATERAL pg_relation_is_updatable(c.oid, false) allowed
ORDER BY array_position(%(schemas)s::oid[], n.oid), c.relname
"""

# The definitions of views, of the views that they read, and so on. A view that PostgreSQL can
# update without a rule of its own reads one table, without DISTINCT, GROUP BY, or a function that
# returns rows:
# https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
VIEWS = """
WITH RECURSIVE reached (oid) AS (
    SELECT unnest(%(relations)s::oid[])
    UNION
    SELECT d.refobjid FROM reached JOIN pg_rewrite r ON r.ev_class = reached.oid
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.rulename = '_RETURN' AND d.refclassid = 'pg_class'::regclass
)
SELECT c.oid::bigint, r.ev_action::text AS query,
    c.relkind = 'v' AND pg_relation_is_updatable(c.oid, false) & 4 = 4 AND NOT EXISTS (
        SELECT FROM pg_rewrite other WHERE other.ev_class = c.oid AND other.rulename <> '_RETURN'
    ) AS is_simple, (
        SELECT array_agg(DISTINCT d.refobjid::bigint) FROM pg_depend d
        WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass
    ) AS reads
FROM reached JOIN pg_class c USING (oid)
JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
"""

# What a view reads, but the role that PostgreSQL checks cannot SELECT: the view's owner, or the
# role that asks if the view has the option security_invoker.
REFUSED = """
WITH RECURSIVE views (oid, checked) AS (
    SELECT c.oid, CASE WHEN EXISTS (
        SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'
        AND lower(option_value) IN ('true', 't', 'on', 'yes', 'y', '1')
    ) THEN me.oid ELSE c.relowner END
    FROM pg_class c JOIN pg_roles me ON me.rolname = current_user WHERE c.relkind = 'v'
), reads (view, oid, number) AS (
    SELECT r.ev_class, d.refobjid, d.refobjsubid::int2
    FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.rulename = '_RETURN' AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid <> r.ev_class
), reached (root, oid) AS (
    SELECT oid, oid FROM views WHERE oid = ANY (%(relations)s::oid[])
    UNION
    SELECT root, reads.oid FROM reached JOIN reads ON reads.view = reached.oid
)
SELECT DISTINCT reached.root::bigint AS relation, pg_get_userbyid(checked)::text AS owner,
    n.nspname::text AS schema, c.relname::text AS name
FROM reached JOIN views USING (oid) JOIN reads ON reads.view = views.oid
JOIN pg_class c ON c.oid = reads.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind <> 'S' AND NOT CASE WHEN reads.number > 0
    THEN has_column_privilege(checked, c.oid, reads.number, 'SELECT')
    ELSE has_any_column_privilege(checked, c.oid, 'SELECT') END
ORDER BY 1, 2, 3, 4
"""

# attgenerated "v" (PostgreSQL 18) is a column that is computed when it is read. A foreign table
# can declare a column NOT NULL, but PostgreSQL does not check its values.
COLUMNS = """
SELECT a.attrelid::bigint AS relation, a.attnum::int AS number, a.attname::text AS name,
    format_type(a.atttypid, a.atttypmod) AS declared, a.atttypid::bigint AS type,
    a.atttypmod AS typmod, NOT a.attnotnull OR c.relkind = 'f' AS nullable,
    pg_get_expr(d.adbin, d.adrelid) AS "default", a.attgenerated <> '' AS is_generated,
    a.attidentity <> '' AS is_identity,
    coalesce(col_description(a.attrelid, a.attnum), '') AS comment,
    has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS can_select,
    is_writable AND has_column_privilege(a.attrelid, a.attnum, 'INSERT') AS can_insert,
    is_writable AND has_column_privilege(a.attrelid, a.attnum, 'UPDATE') AS can_update
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
CROSS JOIN LATERAL (
    SELECT a.attgenerated = '' AND a.attidentity <> 'a'
    AND pg_column_is_updatable(a.attrelid, a.attnum, false) AS is_writable
) w
WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

# Before PostGIS 2, AddGeometryColumn() declared the type of a geometry with constraints.
CHECKS = """
SELECT conrelid::bigint AS relation, conkey[1]::int AS "column",
    pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype = 'c' AND convalidated AND conrelid = ANY (%(relations)s::oid[])
AND array_length(conkey, 1) = 1 AND pg_get_constraintdef(oid) ~* 'srid|geometrytype|ndims'
"""

# The types, those behind domains, and those of arrays' elements. PostGIS is recognized by its
# functions, because it can be in any schema, and a type of a team can be named geometry, too.
TYPES = """
WITH RECURSIVE used (oid) AS (
    SELECT unnest(%(types)s::oid[])
    UNION
    SELECT unnest(ARRAY[typbasetype, typelem]) FROM used JOIN pg_type USING (oid)
)
SELECT t.oid::bigint, format_type(t.oid, NULL) AS declared, t.typname::text AS name,
    t.typtype::text AS kind, t.typcategory::text AS category, t.typbasetype::bigint AS base,
    t.typtypmod AS base_typmod,
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END::bigint AS element,
    coalesce((
        SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
        WHERE e.enumtypid = t.oid
    ), '{}') AS labels, coalesce(p.proname::text, '') AS modifier
FROM used JOIN pg_type t USING (oid) LEFT JOIN pg_proc p ON p.oid = t.typmodin
"""

# The primary key first. The rows of a child (INHERITS) are rows of its parent, but not in its
# index. See backend.databases.unique_keys.
KEYS = """
SELECT i.indrelid::bigint AS relation, (i.indkey::int2[])[0:i.indnkeyatts - 1]::int[] AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indrelid = ANY (%(relations)s::oid[]) AND c.relkind IN ('r', 'p', 'm')
AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
AND NOT (c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid))
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, 2
"""

INDEXED = """
SELECT DISTINCT i.indrelid::bigint AS relation, ARRAY[i.indkey[0]]::int[] AS columns
FROM pg_index i
WHERE i.indrelid = ANY (%(relations)s::oid[]) AND i.indisvalid AND i.indpred IS NULL
AND i.indkey[0] > 0
ORDER BY 1, 2
"""

# A key to a partitioned table has a constraint to each partition, too.
FOREIGN_KEYS = """
SELECT k.conrelid::bigint AS relation, k.conkey::int[] AS columns, n.nspname::text AS schema,
    c.relname::text AS name, (
        SELECT array_agg(a.attname::text ORDER BY t.position)
        FROM unnest(k.confkey) WITH ORDINALITY t (attnum, position)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = t.attnum
    ) AS targets
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY (%(relations)s::oid[]) AND NOT EXISTS (
    SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid
)
ORDER BY k.conrelid, k.conkey, k.conname
"""

# An argument or a result of a pseudo-type, such as anyelement or record, has its type only in a
# call.
FUNCTIONS = """
SELECT n.nspname::text AS schema, p.proname::text AS name, p.oid::regprocedure::text AS signature,
    p.prokind::text AS kind, p.provolatile::text AS volatility, p.proretset AS returns_set,
    p.prorettype::bigint AS result, t.typtype = 'p' AS is_pseudo, ARRAY(
        SELECT format_type(a.oid, NULL) FROM pg_type a
        WHERE a.oid = ANY (coalesce(p.proallargtypes, p.proargtypes::oid[])) AND a.typtype = 'p'
    ) AS pseudo_arguments,
    has_function_privilege(p.oid, 'EXECUTE') AS can_execute,
    coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment,
    coalesce(p.proallargtypes, p.proargtypes::oid[])::bigint[] AS types,
    coalesce(p.proargmodes::text[], '{}') AS modes, coalesce(p.proargnames, '{}') AS names,
    p.pronargdefaults::int AS defaults, coalesce(c.oid, 0)::bigint AS relation,
    CASE WHEN c.relkind <> 'c' THEN ARRAY[rn.nspname, c.relname]::text[] END AS returns
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_type t ON t.oid = p.prorettype LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_namespace rn ON rn.oid = c.relnamespace
WHERE p.pronamespace = ANY (%(schemas)s::oid[]) AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
)
ORDER BY array_position(%(schemas)s::oid[], n.oid), p.proname, 3
"""


def rows(cursor: Any, statement: str, **parameters: Any) -> list[Row]:
    """The rows of a statement, with the names of its columns."""
    cursor.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
