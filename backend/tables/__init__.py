"""A database's tables, as an API: read from PostgreSQL's catalogs, written as ordinary Django code.

catalog        what a role can read: relations, columns, keys, comments
plan           what the API makes of it: names, keys, geometry, and what is left out, with a reason
code           the files of a Django app for a plan
published      the apps of PUBLISH_SCHEMAS, written and loaded at the start

What the generated code imports:

viewsets       lists and details of a table, with filters by column
fields         types that neither Django nor REST framework has
rows, writing  models, serializers, and views whose rows people write
"""
