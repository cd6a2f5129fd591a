-- Tables that the role writer can write, in all the ways that a role can be allowed to.
CREATE SCHEMA accounts;
CREATE SCHEMA "Office 7";
SET search_path = "Office 7", public;
CREATE TYPE status AS ENUM ('open', 'under review', 'closed');
CREATE TYPE contact AS (name text, "day of birth" date, floors integer[]);
CREATE EXTENSION hstore SCHEMA public;

CREATE TABLE stops (
    stop_id text PRIMARY KEY,
    "Stop Name" text NOT NULL CHECK ("Stop Name" <> 'Nowhere'),
    code integer UNIQUE,
    place geography(Point, 4326)
);
INSERT INTO stops SELECT 'S' || i, 'Stop ' || i, i, ST_MakePoint(-122.6 + i / 1e3, 45.5)
FROM generate_series(1, 3) AS i;

-- Defaults, generated columns, and types that are text in JSON.
CREATE TABLE permits (
    id_ integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stop text REFERENCES stops,
    status status NOT NULL DEFAULT 'open',
    former status,
    issued date DEFAULT DATE '2024-05-01',
    fee money,
    cost numeric,
    "with tax" numeric GENERATED ALWAYS AS (cost * 1.1) STORED,
    valid daterange,
    address inet,
    "lasts %" interval,
    tags text[],
    history status[],
    seen timestamp,
    about jsonb,
    contact contact,
    extras hstore,
    note varchar(10) NOT NULL DEFAULT '',
    scan bytea,
    changes integer NOT NULL DEFAULT 0,
    EXCLUDE USING gist (valid WITH &&)
);
CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.note = 'refuse' THEN RAISE EXCEPTION 'Permits are closed on Sundays'; END IF;
    NEW.changes := NEW.changes + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER counted BEFORE INSERT OR UPDATE ON permits FOR EACH ROW EXECUTE FUNCTION counted();
INSERT INTO permits (stop, fee) VALUES ('S1', 10);

CREATE TABLE counts (
    station text, hour timestamptz, boardings integer NOT NULL,
    PRIMARY KEY (station, hour)
);
INSERT INTO counts VALUES ('S1', '2024-01-01 00:00+00', 5), ('Main, E', '2024-01-01 00:00+00', 7);

CREATE TABLE lots (gid serial PRIMARY KEY, "VALUE" numeric(8, 2), shape geometry(Polygon, 2913));
CREATE TABLE names (name name, n bigserial PRIMARY KEY);
INSERT INTO names VALUES ('first');
CREATE VIEW open_permits AS
SELECT id_, stop, status FROM permits WHERE status = 'open' WITH CHECK OPTION;
CREATE VIEW totals AS SELECT stop, count(*) AS n FROM permits GROUP BY stop;
CREATE TABLE scans (id integer PRIMARY KEY, scan bytea NOT NULL);
CREATE TABLE loose (word text);
CREATE TABLE closed (id integer PRIMARY KEY, word text);
INSERT INTO closed VALUES (1, 'a');

-- The role can only correct a name, add but not change an owner, and see its own rows.
CREATE TABLE pets (id serial PRIMARY KEY, name text, owner text, secret text DEFAULT 'kept');
INSERT INTO pets (name, owner) VALUES ('Rex', 'Ann');
CREATE TABLE rows_of_roles (id integer PRIMARY KEY, who text NOT NULL DEFAULT current_user);
ALTER TABLE rows_of_roles ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON rows_of_roles FOR SELECT USING (true);
CREATE POLICY added ON rows_of_roles FOR INSERT WITH CHECK (who = 'writer');
CREATE POLICY changed ON rows_of_roles FOR UPDATE USING (who = 'writer');
CREATE POLICY removed ON rows_of_roles FOR DELETE USING (who = 'writer');
INSERT INTO rows_of_roles VALUES (1, 'writer'), (2, 'another');

CREATE ROLE writer LOGIN PASSWORD 'writer';
GRANT CREATE, USAGE ON SCHEMA accounts TO writer;
ALTER ROLE writer SET search_path = accounts, public;
GRANT USAGE ON SCHEMA "Office 7" TO writer;
GRANT SELECT ON ALL TABLES IN SCHEMA "Office 7" TO writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA "Office 7" TO writer;
GRANT INSERT, UPDATE, DELETE ON stops, permits, counts, lots, names, open_permits, totals, scans,
    loose, rows_of_roles TO writer;
GRANT INSERT (name, owner), UPDATE (name) ON pets TO writer;

-- A role that writes, but that cannot have accounts.
CREATE ROLE clerk LOGIN PASSWORD 'clerk';
GRANT USAGE ON SCHEMA "Office 7" TO clerk;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA "Office 7" TO clerk;
