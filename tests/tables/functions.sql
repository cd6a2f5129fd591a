-- Functions that return rows of their own, each beside a view of the same rows ("of ...").
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE SCHEMA city;
CREATE TYPE city.kind AS ENUM ('bus', 'tram', 'it''s "both"');
CREATE DOMAIN city.code AS integer CHECK (VALUE > 0);
CREATE TYPE city.address AS (line text, zip char(5), since date, place geometry(Point, 2913));

CREATE TABLE city.stops (id integer PRIMARY KEY, name text, secret text, geom geometry(Point, 4326));
INSERT INTO city.stops SELECT i, 'Stop ' || i, 'x', ST_SetSRID(ST_MakePoint(-122.7 + i * 0.01, 45.5), 4326)
FROM generate_series(1, 20) i;
CREATE TABLE city.notes (note text, secret text);
INSERT INTO city.notes VALUES ('first', 'x'), ('first', 'x'), ('second', 'y');

-- RETURNS TABLE: every type, each row twice.
CREATE FUNCTION city.every_type(n integer DEFAULT 3) RETURNS TABLE (
    place text, minutes integer, long bigint, ratio real, share double precision, fee numeric(6,2), price money,
    is_open boolean, day date, at timestamptz, local timestamp, clock time, code city.code, kind city.kind,
    kinds city.kind[], tags text[], grid integer[], doc json, docb jsonb, uid uuid, net inet, span int4range,
    raw bytea, words tsvector, took interval, pairs hstore, class text, "Odd ""name"" 100% $" integer, geom geometry
) LANGUAGE sql STABLE AS $$
    SELECT 'Place ' || i, i, 9007199254740993 + i, 0.1::real, i / 3.0, (i * 1.005)::numeric, (i * 1.5)::numeric::money,
        i % 2 = 0, date '2024-02-28' + i, timestamptz '2024-07-01 12:00+00' + i * interval '1 hour',
        timestamp '2024-07-01 12:00:00.25' + i * interval '1 day', time '08:30' + i * interval '1 min', i::city.code,
        CASE WHEN i % 2 = 0 THEN 'it''s "both"' ELSE 'bus' END::city.kind, ARRAY['bus', 'tram']::city.kind[],
        ARRAY['a', 'b,"c"', NULL], ARRAY[[i, 2], [3, 4]], '{"b": 1.50, "a": [null]}'::json, jsonb_build_object('n', i),
        md5(i::text)::uuid, ('10.0.0.' || i)::inet, int4range(i, i + 5), 'abc'::bytea, to_tsvector('walking dogs ' || i),
        i * interval '90 min', hstore('k', 'v"' || i), 'c', i,
        ST_SetSRID(ST_MakePoint(-122.6 + i * 0.01, 45.5), 4326)
    FROM generate_series(1, n) i, generate_series(1, 2)
$$;
COMMENT ON FUNCTION city.every_type IS 'Every type, <b>twice</b>';
CREATE VIEW city."of every_type" AS SELECT * FROM city.every_type(7);

-- OUT and INOUT arguments.
CREATE FUNCTION city.multiples(INOUT n integer, factor numeric DEFAULT 1.5, OUT product numeric, OUT "select" text)
RETURNS SETOF record LANGUAGE plpgsql STABLE AS $$
DECLARE most integer := n;
BEGIN
    FOR i IN 1..most LOOP n := i; product := i * factor; "select" := 'x' || i; RETURN NEXT; END LOOP;
END $$;
CREATE VIEW city."of multiples" AS SELECT * FROM city.multiples(4, 2.25);
CREATE FUNCTION city.summary(OUT stops bigint, OUT "last" text) LANGUAGE sql STABLE AS $$
    SELECT count(*), max(name) FROM city.stops
$$;
CREATE VIEW city."of summary" AS SELECT * FROM city.summary();
CREATE FUNCTION city.only_one(OUT answer integer) RETURNS SETOF integer LANGUAGE sql STABLE AS $$
    SELECT generate_series(1, 3)
$$;
CREATE VIEW city."of only_one" AS SELECT * FROM city.only_one();

-- A composite type, whose geometry declares a system.
CREATE FUNCTION city.addresses(street text) RETURNS SETOF city.address LANGUAGE sql IMMUTABLE AS $$
    SELECT (i || ' ' || street, '9720' || i, date '2024-01-01' + i,
        ST_Transform(ST_SetSRID(ST_MakePoint(-122.6 + i * 0.001, 45.5), 4326), 2913))::city.address
    FROM generate_series(1, 4) i
$$;
CREATE VIEW city."of addresses" AS SELECT * FROM city.addresses('Main St');

-- Scalars: one column with the function's name.
CREATE FUNCTION city."Tags % of""x"(prefix text DEFAULT 'tag') RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT prefix || i / 2 FROM generate_series(1, 5) i
$$;
CREATE VIEW city."of Tags % of""x" AS SELECT * FROM city."Tags % of""x"('t');
CREATE FUNCTION city.points() RETURNS SETOF geometry LANGUAGE sql STABLE AS $$ SELECT geom FROM city.stops $$;
CREATE VIEW city."of points" AS SELECT * FROM city.points();

CREATE FUNCTION city.first_note(OUT found city.notes) LANGUAGE sql STABLE AS $$ SELECT n FROM city.notes n LIMIT 1 $$;
CREATE VIEW city."of first_note" AS SELECT * FROM city.first_note();

-- A table without a key, and one of another schema.
CREATE FUNCTION city.notes_like(word text) RETURNS SETOF city.notes LANGUAGE sql STABLE AS $$
    SELECT * FROM city.notes WHERE note LIKE word || '%'
$$;
CREATE VIEW city."of notes_like" AS SELECT * FROM city.notes_like('f');
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.houses (id integer PRIMARY KEY, name text);
INSERT INTO elsewhere.houses VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION city.houses() RETURNS SETOF elsewhere.houses LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT * FROM elsewhere.houses
$$;
-- A table with a key: its own list shows the rows.
CREATE FUNCTION city.stops_from(first integer) RETURNS SETOF city.stops LANGUAGE sql STABLE AS $$
    SELECT * FROM city.stops WHERE id >= first
$$;
COMMENT ON FUNCTION city.stops_from IS 'Stops from a number on';

-- Rows in several systems, and without one.
CREATE FUNCTION city.systems() RETURNS TABLE (name text, geom geometry, area geography) LANGUAGE sql STABLE AS $$
    SELECT srid::text, CASE srid WHEN 0 THEN ST_SetSRID(point, 0) ELSE ST_Transform(point, srid) END, point::geography
    FROM (SELECT ST_SetSRID(ST_MakePoint(-122.65, 45.52), 4326)) p (point), unnest(ARRAY[0, 2913, 3857, 4326]) srid
$$;

-- More rows than a list counts exactly.
CREATE FUNCTION city.many(n integer) RETURNS TABLE (number integer, half integer, geom geometry(Point, 4326))
LANGUAGE plpgsql STABLE AS $$ BEGIN
    RETURN QUERY SELECT i, i / 2, ST_SetSRID(ST_MakePoint(-122.0 - i * 0.00001, 45.5), 4326)
    FROM generate_series(1, n) i;
END $$;

-- Errors.
CREATE FUNCTION city.positive(n integer) RETURNS TABLE (root double precision) LANGUAGE plpgsql STABLE AS $$ BEGIN
    IF n < 0 THEN RAISE EXCEPTION 'n must not be negative: %', n; END IF;
    IF n > 100 THEN RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('invalid n: "%s"', n); END IF;
    RETURN QUERY SELECT sqrt(n);
END $$;
CREATE FUNCTION city.parsed(value text, kind city.kind DEFAULT 'bus') RETURNS TABLE (number integer, of_kind city.kind)
LANGUAGE sql STABLE AS $$ SELECT value::integer, kind $$;

CREATE FUNCTION city.long_number() RETURNS TABLE (document jsonb) LANGUAGE sql STABLE AS $$
    SELECT repeat('9', 5000)::jsonb
$$;

-- Arguments whose names lists use.
CREATE FUNCTION city.nearest("limit" integer, dist float8 DEFAULT 1, format text DEFAULT 'a')
RETURNS TABLE (number integer, label text) LANGUAGE sql STABLE AS $$
    SELECT i, format || dist FROM generate_series(1, "limit") i
$$;

-- None of these can be a list.
CREATE FUNCTION city.changes() RETURNS TABLE (a integer) LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION city.any_of(VARIADIC names text[]) RETURNS TABLE (name text) LANGUAGE sql STABLE AS $$ SELECT unnest(names) $$;
CREATE FUNCTION city.same(value anyelement) RETURNS SETOF anyelement LANGUAGE sql STABLE AS $$ SELECT value $$;
CREATE FUNCTION city.record_rows() RETURNS SETOF record LANGUAGE sql STABLE AS $$ SELECT 1, 2 $$;
CREATE FUNCTION city.one_number() RETURNS integer LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION city.nothing() RETURNS SETOF void LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION city.twice(a integer) RETURNS TABLE (b integer) LANGUAGE sql STABLE AS $$ SELECT a $$;
CREATE FUNCTION city.twice(a text) RETURNS TABLE (b text) LANGUAGE sql STABLE AS $$ SELECT a $$;
CREATE FUNCTION city.unnamed(integer) RETURNS TABLE (b integer) LANGUAGE sql STABLE AS $$ SELECT $1 $$;
CREATE FUNCTION city.unnamed_columns(OUT integer, OUT integer) RETURNS SETOF record LANGUAGE sql STABLE AS $$ SELECT 1, 2 $$;
CREATE PROCEDURE city.cleaning() LANGUAGE sql AS $$ SELECT 1 $$;
CREATE AGGREGATE city.total(integer) (SFUNC = int4pl, STYPE = integer);
ANALYZE;
