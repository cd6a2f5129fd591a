"""What is spatial, at the speed of the database. Each module is usable alone.

viewsets      a mixin of all that follows, and of those of ``backend.lists``
streaming     a whole table as GeoJSON, GeoJSONSeq, CSV or FlatGeobuf
tiles         vector tiles and TileJSON of a viewset; maps, its page
filters       filters that use the spatial index
wgs84         longitude and latitude, whatever the table stores

Without any change in a team's code:

fast          GeoJSON of djangorestframework-gis, the same bytes in a fraction of the time
features      what djangorestframework-gis gets wrong; geometry_input, what clients send

Behind them:

sql           what a serializer shows of a queryset, as one SELECT; expressions, its columns
copying       COPY out of PostgreSQL, in pieces; flatgeobuf
tile_sql      one statement a tile; tile_geometry, what it draws
srid          the coordinates that a column really stores; area, where they are valid
spatial_values  what a client gives as coordinates
curves        curves and surfaces as lines and polygons
wkb, lazy     the text of a geometry, from the bytes that PostGIS sent
"""
