-- What a city's data scientist hands over: tables in a schema, and a role that reads them.
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA city;
COMMENT ON SCHEMA city IS 'Open data of the city';

CREATE TYPE city.status AS ENUM ('open', 'under review', 'closed');

CREATE TABLE city.districts (
    gid serial PRIMARY KEY,
    "NAME" varchar(80) NOT NULL,
    "Median Income ($)" numeric(10, 2),
    shape geometry(Polygon, 2913) -- feet, Oregon North
);
COMMENT ON TABLE city.districts IS 'Districts of the city, with the income of their households';
COMMENT ON COLUMN city.districts."Median Income ($)" IS 'Median household income, US dollars per year';
INSERT INTO city.districts ("NAME", "Median Income ($)", shape) VALUES
    ('West Side', 71250, ST_Transform(ST_MakeEnvelope(-122.70, 45.48, -122.66, 45.54, 4326), 2913)),
    ('East Side', 64100.5, ST_Transform(ST_MakeEnvelope(-122.66, 45.48, -122.60, 45.54, 4326), 2913));
CREATE INDEX ON city.districts USING gist (shape);

CREATE TABLE city.stops (
    stop_id text PRIMARY KEY,
    "Stop Name" text NOT NULL,
    district integer REFERENCES city.districts,
    lines text[],
    place geography(Point, 4326)
);
COMMENT ON TABLE city.stops IS 'Stops of buses and trains';
INSERT INTO city.stops VALUES
    ('S1', 'Central Station', 1, ARRAY['Green', 'Blue'], 'POINT(-122.68 45.52)'),
    ('S2', 'City Park', 1, ARRAY['Green'], 'POINT(-122.67 45.51)'),
    ('S3', 'Harbor', 2, ARRAY['Blue'], 'POINT(-122.65 45.49)');

CREATE TABLE city.permits (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stop text REFERENCES city.stops,
    status city.status NOT NULL DEFAULT 'open',
    issued date,
    fee money
);
COMMENT ON TABLE city.permits IS 'Building permits near a stop';
INSERT INTO city.permits (stop, status, issued, fee) VALUES
    ('S1', 'closed', '2024-03-01', 120), ('S1', 'open', '2024-05-17', 80.5), ('S3', 'under review', NULL, NULL);

-- Counted each hour. It has no geometry, and a key of two columns.
CREATE TABLE city.counts (
    stop_id text REFERENCES city.stops,
    hour timestamp with time zone,
    boardings integer,
    PRIMARY KEY (stop_id, hour)
);
INSERT INTO city.counts
SELECT stop_id, timestamptz '2024-01-01 00:00+00' + hour * interval '1 hour', (hour * 7) % 40
FROM city.stops, generate_series(0, 23) AS hour;

-- Without a key, and with coordinates that do not say what they are.
CREATE TABLE city."Census Blocks 2020" ("index" bigint, "GEOID" text, population double precision, geometry geometry);
INSERT INTO city."Census Blocks 2020"
SELECT i, '41051' || lpad(i::text, 7, '0'), i * 1.5,
    ST_MakeEnvelope(-122.70 + 0.01 * i, 45.50, -122.69 + 0.01 * i, 45.51)
FROM generate_series(0, 9) AS i;

CREATE VIEW city.open_permits AS SELECT id, stop, issued FROM city.permits WHERE status = 'open';

CREATE FUNCTION city.stops_near(lon float8, lat float8, meters float8) RETURNS SETOF city.stops
LANGUAGE sql STABLE AS $$
    SELECT * FROM city.stops
    WHERE ST_DWithin(place, ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography, meters)
$$;

CREATE ROLE reader LOGIN PASSWORD 'secret';
GRANT USAGE ON SCHEMA city TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA city TO reader;
ANALYZE;
