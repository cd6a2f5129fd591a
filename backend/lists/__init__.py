"""What any list does, with geometry or without. Each module is usable alone.

pagination    pages that cost the same on any table: the default class of settings.REST_FRAMEWORK
cursor        pages for feeds that grow while a client walks them
conditional   ETag and Cache-Control without running the query
sparse_fields only the fields that a client asks for
parameters    a query parameter that nothing reads is refused

counting, offset_map, keyset, page_limits  how pagination gets by without reading the table
"""
