"""The statements that catalog.py runs: a few for a whole database, with names only as parameters."""

SCHEMAS = """
SELECT oid::bigint, nspname::text, coalesce(obj_description(oid, 'pg_namespace'), ''),
    has_schema_privilege(oid, 'USAGE')
FROM pg_namespace ORDER BY nspname
"""

ROLE = """
SELECT current_user::text, rolsuper FROM pg_roles WHERE rolname = current_user
"""

# Partitions are part of their parent, unless it is in a schema that is not published. A view's
# reltuples is never set. The rows of a partition or of a child (INHERITS) are rows of its parent.
RELATIONS = """
WITH RECURSIVE picked AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = ANY (%(schemas)s::oid[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT (c.relispartition AND EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent
        WHERE i.inhrelid = c.oid AND parent.relnamespace = ANY (%(schemas)s::oid[])
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
    SELECT root, CASE WHEN bool_or(reltuples >= 0) THEN sum(greatest(reltuples, 0)) ELSE -1 END rows
    FROM tree JOIN pg_class USING (oid) WHERE relkind <> 'p' OR reltuples > 0 GROUP BY root
)
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
    coalesce(obj_description(c.oid, 'pg_class'), ''),
    CASE WHEN c.relkind = 'v' THEN -1
        WHEN c.relkind = 'p' AND c.reltuples > 0 THEN c.reltuples
        ELSE coalesce(counted.rows, -1) END::bigint,
    c.relispopulated, c.relrowsecurity, row_security_active(c.oid),
    pg_has_role(c.relowner, 'USAGE'),
    has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
    has_any_column_privilege(c.oid, 'INSERT') AND pg_relation_is_updatable(c.oid, false) & 8 = 8,
    has_any_column_privilege(c.oid, 'UPDATE') AND pg_relation_is_updatable(c.oid, false) & 4 = 4,
    has_table_privilege(c.oid, 'DELETE') AND pg_relation_is_updatable(c.oid, false) & 16 = 16
FROM picked c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN counted ON counted.root = c.oid
ORDER BY array_position(%(schemas)s::oid[], n.oid), c.relname
"""

# attgenerated "v" (PostgreSQL 18) is a column that is computed when it is read.
COLUMNS = """
SELECT a.attrelid::bigint, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod),
    a.atttypid::bigint, a.atttypmod, a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
    a.attgenerated <> '', a.attidentity <> '',
    coalesce(col_description(a.attrelid, a.attnum), ''),
    has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
    has_column_privilege(a.attrelid, a.attnum, 'INSERT') AND w.is_writable,
    has_column_privilege(a.attrelid, a.attnum, 'UPDATE') AND w.is_writable
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
CROSS JOIN LATERAL (
    SELECT a.attgenerated = '' AND a.attidentity <> 'a'
    AND pg_column_is_updatable(a.attrelid, a.attnum, false) AS is_writable
) w
WHERE a.attrelid = ANY (%(relations)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

# The types, those behind domains, and those of arrays' elements. PostGIS is recognized by its
# functions, because it can be in any schema, and a type of a team can be named geometry, too.
TYPES = """
WITH RECURSIVE used (oid) AS (
    SELECT unnest(%(types)s::oid[])
    UNION
    SELECT unnest(ARRAY[typbasetype, typelem]) FROM used JOIN pg_type USING (oid)
)
SELECT t.oid::bigint, format_type(t.oid, NULL), t.typname::text, t.typtype::text,
    t.typcategory::text, t.typbasetype::bigint, t.typtypmod,
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END::bigint,
    coalesce((
        SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e
        WHERE e.enumtypid = t.oid
    ), '{}'), coalesce(p.proname::text, '')
FROM used JOIN pg_type t USING (oid) LEFT JOIN pg_proc p ON p.oid = t.typmodin
"""

# Unique indexes that identify rows, the primary key's first. See backend.databases.unique_keys.
KEYS = """
SELECT i.indrelid::bigint, (i.indkey::int2[])[0:i.indnkeyatts - 1]::int[]
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indrelid = ANY (%(relations)s::oid[]) AND c.relkind IN ('r', 'p')
AND i.indisunique AND i.indisvalid AND i.indislive AND i.indpred IS NULL AND i.indexprs IS NULL
AND NOT (c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid))
AND NOT EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attnotnull
    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
)
ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, 2
"""

INDEXED = """
SELECT DISTINCT i.indrelid::bigint, a.attnum::int
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = ANY (%(relations)s::oid[]) AND i.indisvalid AND i.indpred IS NULL
ORDER BY 1, 2
"""

# A key to a partitioned table has a constraint to each partition, too.
FOREIGN_KEYS = """
SELECT k.conrelid::bigint, k.conkey::int[], n.nspname::text, c.relname::text, (
    SELECT array_agg(a.attname::text ORDER BY t.position)
    FROM unnest(k.confkey) WITH ORDINALITY t (attnum, position)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = t.attnum
)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY (%(relations)s::oid[]) AND NOT EXISTS (
    SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid
)
ORDER BY k.conrelid, k.conkey, k.conname
"""

FUNCTIONS = """
SELECT n.nspname::text, p.proname::text, p.oid::regprocedure::text, p.provolatile::text,
    p.proretset, has_function_privilege(p.oid, 'EXECUTE'),
    coalesce(obj_description(p.oid, 'pg_proc'), ''),
    coalesce(p.proallargtypes, p.proargtypes::oid[])::bigint[],
    coalesce(p.proargmodes::text[], '{}'), coalesce(p.proargnames, '{}'), p.pronargdefaults::int,
    coalesce(c.oid, 0)::bigint, coalesce(c.relkind::text, ''), rn.nspname::text, c.relname::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_type t ON t.oid = p.prorettype LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_namespace rn ON rn.oid = c.relnamespace
WHERE p.pronamespace = ANY (%(schemas)s::oid[]) AND p.prokind = 'f' AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
)
ORDER BY array_position(%(schemas)s::oid[], n.oid), p.proname
"""
