-- Names, comments, and values that would do harm in SQL, HTML, Python, templates, or headers.
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA "evil ""s'%{}<b>";
SET search_path = "evil ""s'%{}<b>", public;
COMMENT ON SCHEMA "evil ""s'%{}<b>" IS '<script>harm=1</script>{{ settings }}{% debug %}<img src=x onerror="harm=2">';

CREATE TYPE "en""um<i>" AS ENUM ('a"b', '<script>harm=3</script>', '{{ 7|add:7 }}', '%s', E'two\nlines');
CREATE TABLE "x'; DROP TABLE ""y""; --" (
    id serial PRIMARY KEY,
    "a""; DROP TABLE y; --" text,
    "<script>harm=4</script>" text,
    "{{ 7|add:7 }}" text,
    "%s" integer,
    "%(x)s" integer,
    "{0}" text,
    "$(id)" text,
    "new
line" text,
    U&"\202Ertl" text,
    e "en""um<i>",
    "back\slash" text,
    "__class__" text,
    "__proto__" text,
    "constructor" text,
    shape geometry(Point, 4326)
);
COMMENT ON TABLE "x'; DROP TABLE ""y""; --" IS E'a < b <script>harm=5</script><img src=x onerror="harm=6">\n\n[click](javascript:harm=7) <a href="javascript:harm=8">x</a> {{ 7|add:7 }} {% csrf_token %} """ ''''''; import os; os.abort() \\N{BULLET} \u202E\r\n</script></textarea></title><svg onload=harm=9>';
COMMENT ON COLUMN "x'; DROP TABLE ""y""; --"."{{ 7|add:7 }}" IS '<img src=x onerror="harm=10">[m](javascript:harm=11) </p><iframe srcdoc="<script>parent.harm=12</script>">';
COMMENT ON COLUMN "x'; DROP TABLE ""y""; --".shape IS '<img src=x onerror="harm=13">';
INSERT INTO "x'; DROP TABLE ""y""; --" VALUES
    (1, '<script>harm=14</script>', '<img src=x onerror=harm=15>', '{{ 7|add:7 }}', 1, 2, '{x}', '`id`', E'a\nb', U&'\202Eabc',
     '<script>harm=3</script>', '\', 'c', 'p', 'c', 'SRID=4326;POINT(-122.6 45.5)'),
    (2, '</script><svg onload=harm=16>', NULL, '"', 1, 2, '{x}', '`id`', E'a\nb', U&'\202Eabc',
     'a"b', '\', 'c', 'p', 'c', 'SRID=4326;POINT(-122.61 45.51)');

CREATE TABLE y (
    id text PRIMARY KEY, n numeric, ref integer REFERENCES "x'; DROP TABLE ""y""; --", doc jsonb, "display name" text
);
INSERT INTO y VALUES
    ('<img src=x onerror=harm=17>', 'NaN', 1, '{"__proto__": {"a": 1}}', '<svg onload=harm=18>'),
    ('../../etc/passwd', 'Infinity', 1, '[]', 'Second row'),
    ('a/b?c#d', 1.5, 2, '{}', NULL);

CREATE TABLE U&"table\000D\000ASet-Cookie: a=b ""file""; x=" (id integer PRIMARY KEY, g geometry(Polygon, 4326));
INSERT INTO U&"table\000D\000ASet-Cookie: a=b ""file""; x=" VALUES (1, ST_MakeEnvelope(-122.7, 45.4, -122.6, 45.5, 4326));
CREATE TABLE ".." (id integer PRIMARY KEY, "a/b" text);
CREATE TABLE tiles (id integer PRIMARY KEY, "map" text, "objects" text, "save" text, "pk" text, "_meta" text);
INSERT INTO tiles VALUES (1, 'a', 'b', 'c', 'd', 'e');
ANALYZE;
