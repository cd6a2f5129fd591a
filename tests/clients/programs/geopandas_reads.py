"""Prints what GeoPandas reads from a URL, as GeoJSON."""

import sys

import geopandas

print(geopandas.read_file(sys.argv[1]).to_json(default=str))
