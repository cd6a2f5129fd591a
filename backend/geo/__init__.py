"""Spatial data, at the speed of the database. You can use each module alone.

viewsets       a mixin of everything below, and of the mixins in ``backend.lists``
streaming      a whole table as GeoJSON, GeoJSONSeq, CSV, or FlatGeobuf
tiles          vector tiles and TileJSON of a viewset; maps, its page
filters        filters that use the spatial index; ordering, for any column that is shown
wgs84          longitude and latitude, whatever the table stores

Without any change in a team's code:

fast_geojson   the GeoJSON of djangorestframework-gis, the same bytes in a fraction of the time
features       fixes for djangorestframework-gis; geometry_input, what clients send

Behind them:

sql            what a serializer shows of a queryset, as one SELECT; expressions, its columns
stream_formats what a stream's file looks like; flatgeobuf, the binary one
copying        COPY out of PostgreSQL, in pieces
tile_sql       one statement per tile; tile_geometry, what it draws
srid           the coordinates that a column really stores; area_of_use, where they are valid
spatial_values the coordinates in a query
curves         curves and surfaces as lines and polygons
wkb, lazy_geos the text of a geometry, from the bytes that PostGIS sent
"""
