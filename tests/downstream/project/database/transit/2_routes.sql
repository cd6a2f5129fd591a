-- Eight lines from west to east, each with some bends.
CREATE TABLE passenger_census.routes (
    number integer PRIMARY KEY,
    name text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('bus', 'rail')),
    geom geometry(LineString, 4326) NOT NULL
);

INSERT INTO passenger_census.routes
SELECT
    number,
    street,
    CASE WHEN number % 4 = 0 THEN 'rail' ELSE 'bus' END,
    (
        SELECT ST_SetSRID(ST_MakeLine(ST_MakePoint(
            -122.70 + 0.01 * x,
            45.46 + 0.01 * number + 0.002 * sin(x)) ORDER BY x), 4326)
        FROM generate_series(0, 14) AS x
    )
FROM unnest(ARRAY['Holgate', 'Powell', 'Division', 'Hawthorne', 'Belmont', 'Burnside', 'Glisan', 'Sandy'])
    WITH ORDINALITY AS line (street, number);

CREATE INDEX ON passenger_census.routes USING gist (geom);
