"""Lists of any data, with or without geometry. You can use each module alone.

pagination    pages that cost the same on any table: the default class of settings.REST_FRAMEWORK
cursor        pages for feeds that grow while a client walks them
conditional   ETag and Cache-Control without running the query
sparse_fields only the fields that a client asks for
terms         names in a query that contain commas
parameters    refuses query parameters that nothing reads

counting, offset_map, keyset, page_limits  how pagination avoids reading the whole table
"""
