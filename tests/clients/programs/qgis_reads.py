"""Prints what QGIS reads from a URL, as GeoJSON."""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer

QgsApplication.setPrefixPath("/usr", True)
application = QgsApplication([], False)
application.initQgis()
layer = QgsVectorLayer(sys.argv[1], "rows", "ogr")
features = [
    {
        "type": "Feature",
        "geometry": json.loads(feature.geometry().asJson(9)),
        "properties": {"name": feature["name"]},
    }
    for feature in layer.getFeatures()
]
print(json.dumps({"type": "FeatureCollection", "features": features}))
