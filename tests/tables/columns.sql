-- Names with every character that has a meaning in SQL, in Python's % operator, or in a query.
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA "o""dd %s, $1";
SET search_path = "o""dd %s, $1", public;
CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy "day"');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN short AS varchar(5);

CREATE TABLE "a ""b"" 50% $t" (
    "OBJECT ID" bigint PRIMARY KEY,
    "Total, all" integer,
    "-x" integer,
    x integer,
    "say ""hi""" text,
    """quoted""" text,
    "50% off" double precision,
    "%s" text,
    "Income ($)" numeric(8,2),
    " padded " text,
    "limit" integer,
    "limit__gte" integer,
    class text,
    "2020_visits" integer,
    "type" text,
    properties text,
    "id" text,
    "geom, %s" geometry(Point, 4326)
);
INSERT INTO "a ""b"" 50% $t"
SELECT i, 100 - i, -i, i, 'hi ' || i, 'q' || i, i / 10.0, '%s' || i, i * 1.5, ' p' || i, i % 3, i, 'c' || i % 4,
    i * 10, 'T' || i, 'P' || i, 'I' || i, ST_SetSRID(ST_MakePoint(-122.7 + i * 0.001, 45.5), 4326)
FROM generate_series(1, 40) i;

-- A value of every type, the lowest and the highest, and NULL.
CREATE TABLE kinds (
    id integer PRIMARY KEY,
    small smallint, big bigint, "real" real, ratio double precision,
    plain numeric, exact numeric(10, 3), cost money, flag boolean,
    day date, clock time, moment timestamptz, local timestamp,
    word varchar(20), padded char(5), folded text, shortened short, mood mood,
    token uuid, document json, binary_document jsonb,
    numbers integer[], words text[], codes varchar(5)[], moods mood[], locals timestamp[],
    span interval, days daterange, address inet, network cidr, mac macaddr, bits bit(3), markup xml,
    point point, pair pair, raw bytea, search tsvector,
    doubled integer GENERATED ALWAYS AS (small * 2) STORED
);
INSERT INTO kinds VALUES
(1, 0, 0, 0.1, 0.1, 1.50, 1.5, 1234.5, true, '2024-02-29', '12:30', '2024-07-01 12:00Z', '2024-07-01 12:00',
    'a,b', 'ab', 'MiXed', 'short', 'so, so', '12345678-9abc-def0-1234-56789abcdef0', '{"a": [1, 2.50]}', '{"a": {"b": 1}}',
    '{1,2}', '{a,"b,c"}', '{x}', '{sad,"so, so"}', '{2024-07-01 12:00:00.5}', '3 days', '[2024-01-01,)', '10.0.0.1', '10.0.0.0/8',
    '08:00:2b:01:02:03', '101', '<a b="c"/>', '(1,2)', '(1,"x,y")', '\x00ff', to_tsvector('english', 'roof permits')),
(2, 32767, 9223372036854775807, 3.4028235e38, 1.7976931348623157e308, 123456789012345678901234567890.000000000000000000001,
    9999999.999, 92233720368547758.07, false, '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999Z', '9999-12-31 23:59:59.999999',
    'é 東京 🚲', 'é', E'quote " tab \t', '', 'happy "day"', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', 'null',
    '{}', '{}', '{}', '{}', '{}', '-1 mon +04:05:06.789', 'empty', '::1', '::/0',
    'ff:ff:ff:ff:ff:ff', '000', '&amp;', '(0.5,-1)', '(,)', '', to_tsvector('english', 'fence')),
(3, -32768, -9223372036854775808, 1e-45, 5e-324, -0.1, -0.001, -0.01, NULL, '0001-01-01', '00:00', '0001-01-01 00:00Z', '0001-01-01 00:00',
    '', '', '', 'x', 'sad', '00000000-0000-0000-0000-000000000000', 'null', '1',
    '{NULL}', '{NULL,""}', NULL, NULL, NULL, '0', '(,)', '0.0.0.0', '0.0.0.0/0',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO kinds (id, small, big, "real", ratio, plain, exact, cost, flag, day, clock, moment, local) VALUES
    (4, NULL, NULL, 'NaN', 'NaN', 'NaN', 0, 0, NULL, 'infinity', NULL, 'infinity', 'infinity'),
    (5, NULL, NULL, '-Infinity', 'Infinity', 0, 0, 0, NULL, '-infinity', NULL, '-infinity', '-infinity');
INSERT INTO kinds (id, pair) VALUES (6, '(1,)');
-- The extension is in a schema that a role does not search.
CREATE SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
ALTER TABLE kinds ADD pairs extensions.hstore;
UPDATE kinds SET pairs = extensions.hstore(ARRAY['a', 'b "c"', 'd'], ARRAY['1', 'x=>"y\z"', NULL]) WHERE id = 1;
UPDATE kinds SET pairs = '' WHERE id = 2;
-- Years that Python does not have.
INSERT INTO kinds (id, day, moment, local) VALUES
    (7, '0044-03-15 BC', '0044-03-15 12:00Z BC', '12000-01-01 00:00');

-- Keys that an address must escape.
CREATE TABLE by_text (code text PRIMARY KEY, n integer NOT NULL, geom geometry(Point, 4326));
INSERT INTO by_text SELECT code, row_number() OVER (), ST_SetSRID(ST_MakePoint(1, 2), 4326) FROM unnest(ARRAY[
    'plain', 'a/b', 'a.json', 'with space', 'é 東京', '', 'map', 'tiles', 'tiles/0/0/0', '..', '"quoted"', '"map"', 'a,b', '100%', '%2F', '?q=1',
    '#x', E'line\nbreak', '/', 'x/', '+', '-1'
]) code;
CREATE TABLE by_pair (street text, house integer, since timestamp, note text, PRIMARY KEY (street, house, since));
INSERT INTO by_pair VALUES
    ('Main, "E"', 12, '2024-01-01 00:00', 'comma and quotes'), ('', 0, '2024-01-01 00:00:00.5', 'empty'),
    ('a/b', -1, '2024-01-01 00:00', 'slash'), ('["x", 1]', 1, '2024-01-01 00:00', 'like JSON');

-- Equal rows, in relations without a key.
CREATE TABLE repeated (kind text, n integer, geom geometry);
INSERT INTO repeated SELECT 'k' || i % 2, i % 3, ST_MakePoint(1 + i % 2, 2) FROM generate_series(1, 120) i;
CREATE TABLE nothing (n integer);
CREATE TABLE only_place (geom geometry(Point, 4326));
INSERT INTO only_place SELECT ST_SetSRID(ST_MakePoint(3, 4), 4326) FROM generate_series(1, 5);
CREATE VIEW repeated_view AS SELECT kind, n, geom, '{"a": 1}'::json AS document FROM repeated;
CREATE MATERIALIZED VIEW repeated_stored AS SELECT kind, n FROM repeated;
CREATE TABLE parted (at date, v integer) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO parted SELECT date '2023-12-01' + i % 60, 1 FROM generate_series(1, 120) i;

-- Two geometries, one without a declared SRID.
CREATE TABLE parks (id integer PRIMARY KEY, name text, "Shape" geometry, centroid geometry(Point, 4326));
INSERT INTO parks SELECT i, 'Park ' || i,
    ST_SetSRID(ST_Transform(ST_MakeEnvelope(-122.7 + 0.01 * i, 45.5, -122.695 + 0.01 * i, 45.505, 4326), 2913), 0),
    ST_SetSRID(ST_MakePoint(-122.6975 + 0.01 * i, 45.6), 4326) FROM generate_series(1, 20) i;

-- Foreign keys.
CREATE TABLE visits (id integer PRIMARY KEY, "Park" integer REFERENCES parks (id), stop text REFERENCES by_text (code), at timestamp);
INSERT INTO visits SELECT i, 1 + i % 20, CASE i % 3 WHEN 0 THEN 'a/b' WHEN 1 THEN 'plain' END, timestamp '2024-01-01' + i * interval '1 hour'
FROM generate_series(1, 30) i;
ANALYZE;
