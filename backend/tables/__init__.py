"""A database's tables, as an API: read from PostgreSQL's catalogs, written as ordinary Django code.

The way from a database to code:

catalog        what a role can read. relations, what it consists of; catalog_sql, reading,
               column_types, view_definitions, functions, how it is read
coordinates    the spatial reference systems of columns that declare none
metadata       what a team says about its tables
plan           what the API makes of it: names, keys, geometry, and what is left out, with a reason.
               names, types, writable, its parts; report, for people
code           the files of a Django app for a plan

The two ways to use that code:

published      written and loaded at the start, for PUBLISH_SCHEMAS; publication, what is asked for
inspect        written into a project. generated_app, snapshot, what is kept of the last time;
               merge, merge_file, units, references, how changes get into what people edited

What the generated code imports:

viewsets       lists and details of a table. keys, in addresses; changes, of the table since then
filters        filters by every column; values, what they accept
calls          the rows that a function returns
fields         types that neither Django nor REST framework has
rows, writing  models, serializers, and views whose rows people write; write_errors
admin          tables in the admin
"""
