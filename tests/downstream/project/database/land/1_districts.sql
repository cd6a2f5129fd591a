-- The city as hexagons, numbered from west to east.
CREATE TABLE districts (
    id integer PRIMARY KEY,
    name text NOT NULL,
    population integer NOT NULL,
    geom geometry(Polygon, 4326) NOT NULL
);

INSERT INTO districts
SELECT
    number,
    'District ' || number,
    2000 + number * 719 % 9000,
    geom
FROM (
    SELECT row_number() OVER (ORDER BY i, j) AS number, geom
    FROM ST_HexagonGrid(0.012, ST_MakeEnvelope(-122.72, 45.45, -122.54, 45.57, 4326))
) AS grid;

CREATE INDEX ON districts USING gist (geom);
