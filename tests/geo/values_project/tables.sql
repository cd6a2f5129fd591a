CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy "day"');
CREATE DOMAIN sentence AS text;
CREATE TABLE parent (id bigserial PRIMARY KEY, title text NOT NULL, tags text[] NOT NULL DEFAULT '{}');
CREATE TABLE declared (
    id bigserial PRIMARY KEY, geom geometry(Point, 4326), parent_id bigint REFERENCES parent,
    note text, code varchar(8), small smallint, whole integer, big bigint, size integer, flag boolean,
    ratio double precision, price numeric(12, 2), day date, moment timestamptz, clock time, span interval,
    token uuid, raw bytea, data jsonb, address inet, labels text[], grid integer[], prices numeric(8, 2)[],
    moments timestamptz[], flags boolean[], pairs hstore, whole_range int4range, big_range int8range,
    price_range numrange, day_range daterange, moment_range tstzrange,
    doubled integer GENERATED ALWAYS AS (whole * 2) STORED
);
CREATE TABLE guessed (
    id bigserial PRIMARY KEY, geom geometry(Point, 4326), real real, local timestamp, amount numeric,
    fixed char(6), texts text[], numbers numeric[], days date[], document json, binary_document jsonb,
    folded citext, mood mood, moods mood[], pairs hstore, money money, network inet, mac macaddr,
    bits bit varying(9), markup xml, words tsvector, number_range int4range, day_multirange datemultirange,
    sentence sentence
);
