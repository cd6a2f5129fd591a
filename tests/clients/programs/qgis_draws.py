"""Draws vector tiles from a URL with QGIS, and prints how many pixels are not white."""

import sys

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRectangle,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

QgsApplication.setPrefixPath("/usr", True)
application = QgsApplication([], False)
application.initQgis()
url, *sides = sys.argv[1:]
layer = QgsVectorTileLayer(f"type=xyz&zmin=0&zmax=18&url={url}", "tiles")
assert layer.isValid()
settings = QgsMapSettings()
settings.setLayers([layer])
settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
settings.setExtent(QgsRectangle(*map(float, sides)))
settings.setOutputSize(QSize(512, 512))
settings.setBackgroundColor(QColor("white"))
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
image = job.renderedImage()
white = QColor("white").rgb()
pixels = ((x, y) for x in range(image.width()) for y in range(image.height()))
print(sum(image.pixel(x, y) != white for x, y in pixels))
