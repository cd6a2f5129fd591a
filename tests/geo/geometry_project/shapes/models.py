"""A table for each kind of geometry, SRID, and dimension. The tests create and fill the tables.

``Point2913Z`` is the model of the table ``shapes_point2913z``. ``AnyGeography`` has geographies of
any type, ``Two`` has two columns, ``Curved`` declares a curve, and ``Box`` shows a column as the
bbox of its features.
"""

from django.contrib.gis.db import models

KINDS = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"]
KINDS += ["GeometryCollection"]
SYSTEMS = {"0": 0, "2913": 2913, "3857": 3857, "4326": 4326, "Geography": 4326}


def _model(name: str, **fields: models.Field) -> type[models.Model]:
    meta = type("Meta", (), {"managed": False, "db_table": f"shapes_{name.lower()}"})
    columns = {"name": models.TextField(), **fields}
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **columns})


def _of_system(system: str) -> dict:
    return {"srid": SYSTEMS[system], "geography": system == "Geography", "null": True}


TYPED, ANY = [], []
for _system in SYSTEMS:
    ANY.append(_model(f"Any{_system}", geom=models.GeometryField(**_of_system(_system))))
    for _kind in KINDS:
        for _dimension in (2, 3):
            _options = _of_system(_system) | {"dim": _dimension}
            _field = getattr(models, f"{_kind}Field")(**_options)
            TYPED.append(_model(f"{_kind}{_system}{'Z' * (_dimension == 3)}", geom=_field))

Curved = _model("Curved", geom=models.GeometryField(null=True))
Box = _model("Box", geom=models.PolygonField(null=True))
Two = _model(
    "Two",
    area=models.MultiPolygonField(srid=2913, null=True),
    place=models.PointField(geography=True, null=True),
)
EVERY = [*TYPED, *ANY, Curved, Box, Two]
