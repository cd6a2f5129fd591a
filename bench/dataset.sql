CREATE EXTENSION IF NOT EXISTS postgis;
CREATE TABLE points (id bigint PRIMARY KEY, name text NOT NULL, kind text NOT NULL, value double precision NOT NULL, geom geometry(Point, 4326) NOT NULL);
CREATE TABLE lines (id bigint PRIMARY KEY, name text NOT NULL, kind text NOT NULL, value double precision NOT NULL, geom geometry(LineString, 4326) NOT NULL);
CREATE TABLE polygons (id bigint PRIMARY KEY, name text NOT NULL, kind text NOT NULL, value double precision NOT NULL, geom geometry(Polygon, 4326) NOT NULL);
CREATE TABLE rows_thousand (id bigint PRIMARY KEY, name text NOT NULL, kind text NOT NULL, value double precision NOT NULL, opened timestamptz NOT NULL);
CREATE TABLE rows_million (LIKE rows_thousand INCLUDING ALL);
