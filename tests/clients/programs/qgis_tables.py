"""Prints what QGIS reads from URLs: for each one, the coordinate system and the features."""

import json
import sys

from qgis.core import NULL, QgsApplication, QgsVectorLayer
from qgis.PyQt.QtCore import QDate, QDateTime, Qt

QgsApplication.setPrefixPath("/usr", True)
application = QgsApplication([], False)
application.initQgis()


def plain(value):
    if value == NULL:
        return None
    return value.toString(Qt.ISODate) if isinstance(value, (QDate, QDateTime)) else value


def feature_of(row, names):
    shape = json.loads(row.geometry().asJson(15)) if row.hasGeometry() else None
    properties = dict(zip(names, map(plain, row.attributes()), strict=True))
    return {"type": "Feature", "id": row.id(), "geometry": shape, "properties": properties}


for url in sys.argv[1:]:
    layer = QgsVectorLayer(url, "rows", "ogr")
    names = layer.fields().names()
    features = [feature_of(row, names) for row in layer.getFeatures()]
    print(json.dumps({"crs": layer.crs().authid(), "features": features}))
