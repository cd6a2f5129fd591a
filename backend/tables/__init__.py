"""A database's tables, as an API: read from PostgreSQL's catalogs, written as ordinary Django code.

The way from a database to code, a folder for each step:

catalog        what a role can read
generator      what the API makes of it, and the code for that
project        that code in a project, where people edit it

published      that code, written and loaded at the start, for PUBLISH_SCHEMAS; publication, what
               is asked for

What the generated code imports:

viewsets       lists and details of a table. keys, in addresses; changes, of the table since then;
               unlisted, what lists leave out
filters        filters by every column; values, what they accept; reserved, other parameters
related        foreign keys: rows of other tables in a list, and links
calls          the rows that a function returns
fields         types that neither Django nor REST framework has
rows, writing  models, serializers, and views whose rows people write; write_errors
admin          tables in the admin
"""
