"""Reads real files with GeoDjango and prints JSON. test_image.py runs it inside the image.

python geodjango.py FOLDER     FOLDER has stops.shp, stops.gpkg, stops.geojson, height.asc
"""

import json
import sys
from pathlib import Path

import django
from django.contrib.gis.gdal import DataSource, GDALRaster
from django.contrib.gis.geos import GEOSGeometry, Point

django.setup()
folder = Path(sys.argv[1])


def read(name: str) -> dict:
    layer = DataSource(folder / name)[0]
    return {
        "count": len(layer),
        "names": sorted(feature.get("name") for feature in layer),
        "type": layer.geom_type.name,
        "first": list(next(iter(layer)).geom.coords[:2]),
    }


def transform() -> list[float]:
    point = Point(-122.6784, 45.5152, srid=4326)
    return list(point.transform(3857, clone=True).coords)


raster = GDALRaster(folder / "height.asc")
# Write a GeoTIFF, as a team would, and read it back.
raster.transform(3857, driver="GTiff", name="/tmp/warped.tif")
warped = GDALRaster("/tmp/warped.tif")
print(
    json.dumps(
        {
            "transform": transform(),
            "buffer": GEOSGeometry("POINT(0 0)").buffer(1).area,
            "shapefile": read("stops.shp"),
            "geopackage": read("stops.gpkg"),
            "geojson": read("stops.geojson"),
            "raster": {
                "size": [raster.width, raster.height],
                "srs": raster.srs.name,
                "pixel": float(raster.bands[0].data()[1 * raster.width + 2]),
                "warped_srid": warped.srid,
            },
        }
    )
)
