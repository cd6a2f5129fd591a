-- The database of a city, created by several programs and people, and the role of the API.
\set ON_ERROR_STOP 1
CREATE ROLE :"reader" LOGIN PASSWORD 'of-the-tests';
CREATE SCHEMA city;
SET search_path = city, public;
SET TIME ZONE 'America/Los_Angeles';
CREATE TYPE status AS ENUM ('open', 'under review', 'closed');
CREATE DOMAIN zip AS text CHECK (VALUE ~ '^\d{5}$');

-- From shp2pgsql: in feet, with capital letters, money, and a numeric without precision.
CREATE TABLE "Tax Lots" (
    gid serial PRIMARY KEY, "Owner's Name" varchar(40), "LANDVAL" numeric, "TOTAL" money,
    "YEARBUILT" int2, geom geometry(MultiPolygon, 2913)
);
INSERT INTO "Tax Lots" ("Owner's Name", "LANDVAL", "TOTAL", "YEARBUILT", geom)
SELECT 'lot ' || n, n * 1000.25, (n * 1.5)::money, 1900 + n, CASE n % 10
    WHEN 0 THEN NULL WHEN 1 THEN ST_GeomFromText('MULTIPOLYGON EMPTY', 2913)
    ELSE ST_Multi(ST_Transform(ST_MakeEnvelope(
        -122.7 + n / 1e3 + 2e-6, 45.500002, -122.6995 + n / 1e3, 45.5005, 4326), 2913)) END
FROM generate_series(1, 60) n;
CREATE INDEX ON "Tax Lots" USING gist (geom);

-- From pandas: without a primary key. Each of five corridors has twelve of the 60 signals.
CREATE TABLE signals (
    corridor integer, pole text, mast json, geom geometry(Point, 4326)
);
INSERT INTO signals SELECT n % 5, 'signal ' || n, json_build_object('n', n),
    ST_Point(-122.7 + n / 1e3 + 2e-6, 45.540002, 4326) FROM generate_series(1, 60) n;

-- Child tables have rows with the same keys as rows of the parent table.
CREATE TABLE assets (id integer PRIMARY KEY, name text, geom geometry(Point, 4326));
CREATE TABLE benches (material text) INHERITS (assets);
INSERT INTO assets SELECT n, 'asset ' || n, ST_Point(-122.600002, 45.5 + n / 1e3, 4326)
FROM generate_series(1, 20) n;
INSERT INTO benches SELECT n, 'bench ' || n, ST_Point(-122.610002, 45.5 + n / 1e3, 4326), 'wood'
FROM generate_series(11, 30) n;

-- A partitioned table with a composite key.
CREATE TABLE tickets (
    number bigint, city text, amount numeric(10, 2), geom geometry(Point, 3857),
    PRIMARY KEY (number, city)
) PARTITION BY LIST (city);
CREATE TABLE tickets_pdx PARTITION OF tickets FOR VALUES IN ('pdx');
CREATE TABLE tickets_elsewhere PARTITION OF tickets DEFAULT;
INSERT INTO tickets SELECT n, (ARRAY['pdx', 'St. Johns', 'a "b", c'])[1 + n % 3], n / 100.0,
    ST_Transform(ST_Point(-122.7 + n / 1e3 + 2e-6, 45.550002, 4326), 3857)
FROM generate_series(1, 60) n;

-- Times with and without a time zone, NaN, three dimensions, and columns that the API cannot read.
CREATE TABLE inspections (
    id bigint PRIMARY KEY, place text, zip zip, status status, inspector text, score numeric,
    doubled numeric GENERATED ALWAYS AS (score * 2) STORED, rate real, at timestamptz,
    local timestamp, flags boolean[], valid daterange, home geometry(Point, 4326),
    geom geometry(PointZ, 2913)
);
INSERT INTO inspections (id, place, zip, status, inspector, score, rate, at, local, flags, valid,
    home, geom)
SELECT n, E'Café "' || n || E'"\n\\,', 97200 + n, (enum_range(NULL::status))[1 + n % 3],
    'hidden inspector ' || n, CASE n % 3 WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 1.50 END, n / 3.0,
    CASE n % 4 WHEN 0 THEN timestamptz 'infinity'
    ELSE timestamptz '2024-03-10 01:30' + n * interval '7 min' END,
    -- The hour that occurs twice when daylight saving time ends, and eight hours around it.
    timestamp '2024-11-02 20:00' + (n / 2) * interval '20 min', ARRAY[true, NULL],
    daterange('2024-01-01', NULL), ST_Point(-120, 40, 4326), CASE n % 10
    WHEN 0 THEN NULL WHEN 1 THEN ST_SetSRID('POINT Z EMPTY'::geometry, 2913)
    ELSE ST_Force3DZ(ST_Transform(ST_Point(-122.7 + n / 1e3 + 2e-6, 45.520002, 4326), 2913), n) END
FROM generate_series(1, 60) n;

-- Geometries of several types, some of which GeoJSON does not have.
CREATE TABLE "Odd Shapes" ("Shape ID" serial PRIMARY KEY, "select" text, "geo m" geometry);
INSERT INTO "Odd Shapes" ("select", "geo m") SELECT kind, ST_GeomFromText(wkt, 2913) FROM (VALUES
    ('none', NULL), ('empty', 'GEOMETRYCOLLECTION EMPTY'), ('m', 'POINT M(7640000 690000 9)'),
    ('arc', 'CIRCULARSTRING(7640000 690000, 7641000 691000, 7642000 690000)'),
    ('disc', 'CURVEPOLYGON(CIRCULARSTRING(7640000 690000, 7642000 690000, 7640000 690000))'),
    ('zm', 'LINESTRING ZM(7640000 690000 1 2, 7641000 691000 3 4)'),
    ('tin', 'TIN Z(((7640000 690000 0, 7640000 691000 0, 7641000 690000 0, 7640000 690000 0)))')
) shapes (kind, wkt);

-- Different rows for different users: a policy, a view with its reader's rights, a role's members.
CREATE TABLE complaints (
    id uuid PRIMARY KEY, district text, body text, geom geometry(Point, 4326)
);
INSERT INTO complaints SELECT md5(n::text)::uuid, CASE n % 3 WHEN 0 THEN 'north' ELSE 'hidden' END,
    CASE n % 3 WHEN 0 THEN 'complaint ' ELSE 'hidden complaint ' END || n,
    -- Hidden rows are far to the east.
    ST_Point(-122.7 + n / 1e4 + CASE n % 3 WHEN 0 THEN 0 ELSE 3 END + 2e-6, 45.580002, 4326)
FROM generate_series(1, 240) n;
CREATE INDEX ON complaints USING gist (geom);
ALTER TABLE complaints ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_reader ON complaints TO :"reader" USING (district = 'north');
CREATE VIEW complaints_invoked WITH (security_invoker) AS SELECT * FROM complaints;
CREATE VIEW complaints_of_members AS SELECT * FROM complaints
WHERE district = 'north' OR pg_has_role('pg_monitor', 'USAGE');
CREATE MATERIALIZED VIEW complaints_by_hundred AS
SELECT (n / 100)::text AS hundred, 'hundred ' || n / 100 AS name, count(*) AS n,
    ST_Point(-122.650002, 45.5 + n / 100 / 1e3, 4326)::geometry(Point, 4326) AS geom
FROM generate_series(1, 999) n GROUP BY n / 100;
-- A view with rows for the members of a role, on a table without a policy.
CREATE TABLE calls (id integer PRIMARY KEY, body text, geom geometry(Point, 4326));
INSERT INTO calls SELECT n, CASE WHEN n > 30 THEN 'hidden ' ELSE '' END || 'call ' || n,
    ST_Point(-122.7 + n / 1e4 + CASE WHEN n > 30 THEN 3 ELSE 0 END + 2e-6, 45.530002, 4326)
FROM generate_series(1, 300) n;
CREATE VIEW calls_of_members AS SELECT * FROM calls
WHERE id <= 30 OR pg_has_role('pg_monitor', 'USAGE');

-- A table that the API writes to, and tables that it cannot read.
CREATE TABLE stops (
    stop_id text PRIMARY KEY, "Stop Name" text NOT NULL, loc geography(Point, 4326)
);
INSERT INTO stops SELECT 'S' || n, 'stop ' || n,
    ST_Point(-122.7 + n / 1e3 + 2e-6, 45.560002, 4326)::geography FROM generate_series(1, 60) n;
CREATE TABLE payroll (id integer PRIMARY KEY, name text, geom geometry(Point, 4326));
INSERT INTO payroll SELECT n, 'hidden pay ' || n, ST_Point(-120, 40, 4326)
FROM generate_series(1, 9) n;
CREATE TABLE net_worth (id integer PRIMARY KEY, "Net Worth ($)" float8);
GRANT USAGE ON SCHEMA city TO :"reader";
GRANT SELECT ON "Tax Lots", signals, assets, tickets, "Odd Shapes", complaints, complaints_invoked,
    complaints_of_members, complaints_by_hundred, calls_of_members, stops, net_worth TO :"reader";
GRANT SELECT (id, place, zip, status, score, doubled, rate, at, local, flags, valid, geom)
ON inspections TO :"reader";
GRANT UPDATE ON stops TO :"reader";
ANALYZE;
