"""The GeoJSON of djangorestframework-gis: the same bytes in a fraction of the time.

``install`` replaces four methods in their own classes, so that a team changes nothing:
``to_representation`` of ``GeometryField``, ``GeometrySerializerMethodField``, and
``GeoFeatureModelSerializer``, and ``JSONRenderer.render``. It also lets geometries be read late
(``backend.geo.lazy_geos``). A geometry on its way to the JSON renderer stays WKB, in a dictionary
that fills itself when anything reads it. The renderer does not read these dictionaries. It inserts
their text into the document directly. A serializer finds out once, not for every feature, where its
fields get their values.

``FAST_GEOJSON = False`` leaves everything as it was.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from django.contrib.gis.geos import GEOSGeometry
from django.contrib.gis.geos.geometry import GEOSGeometryBase
from django.db.models import Model
from rest_framework.fields import Field, get_attribute
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework_gis.fields import (
    GeoJsonDict,
    GeometryField,
    GeometrySerializerMethodField,
)
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo import features, lazy_geos, wkb
from backend.geo.srid import Degrees, move

logger = logging.getLogger("backend.geo")

# The code that is replaced, by the sha256 of its source. In a release with another source, the code
# may do something else, so nothing is replaced.
_stock_geometry = GeometryField.to_representation
_stock_round = GeometryField._recursive_round
_stock_method = GeometrySerializerMethodField.to_representation
_stock_feature = GeoFeatureModelSerializer.to_representation
_stock_render = JSONRenderer.render
_geos: Any = GEOSGeometryBase  # with its private attributes
REPLACED: dict[Any, str] = {
    _stock_geometry: "4898a54e862266abdc1d77b40ec04560a6871d81861637370c1e7567e41c0b52",
    _stock_round: "5c9a4d3a2278df43b0d187aede575306a469b6508c4508acc65a78abda934c62",
    _stock_method: "7726e51931d1faf6207c449d4607a96ea09efba3158052e25da45e489d53fc41",
    _stock_feature: "6566182a8b804fdbadf77f9e0cf4d2f6077a333979f247a73cbfc7b3c2a02e84",
    features.stock_properties: "f89fc4d676d19295481bed736de58805b38002ae09c2d9706bf32663f7f3a8f7",
    Field.get_attribute: "d6478027a6aad6685ac668b8e37a5df76809dc2014b3f192a4e045c418d9e00e",
    get_attribute: "317c25d7087ede4d921f81bf5489ff306d18c01ad05a8dc64333d7a2a0da8970",
    lazy_geos.stock_converter: "72eddcdc0984be4ed059494731315b1356269364e54aaa5a1d922984640d665a",
    lazy_geos.stock_ptr.fget: "0fe21455f36f15b686625d53628972258c76c7bad6fd95d87776b57bc805deac",
    lazy_geos.stock_srid.fget: "9ae59a218f45af4c2b1e11370eaf11633d996cabccb568231e2d7a4389c53f3c",
    _geos.__init__: "c378f23dc87d7b22ce24eb6aac5c2c9711c47df88e0b7542640c71de3b753c90",
    _geos._post_init: "184f7ee8b34fa406fe1115e8889d00231624a466c6489d4df88291d882729ae7",
    _stock_render: "9a136d750c0b09d1c9c98f290caf9e8aac99872dcc1e93bf14d7fcf47f8f5ab1",
}

# Stands for a geometry while a document is written. Nobody outside can know it.
_TOKEN = secrets.token_hex(16)
_MARK = f'{{"{_TOKEN}":0}}'.encode()
# The geometries of the document that is being written. None if there is no such document.
_document: ContextVar[list[tuple[Any, ...]] | None] = ContextVar("document", default=None)
# Several threads can read a geometry at once, if it is in a response that was kept.
_filling = threading.Lock()


class _NotRead:
    """Stands in the dictionary until it is filled.

    A serializer written in C (orjson, msgpack) reads a dictionary's own storage. It then fails
    here, instead of writing half a geometry.
    """


class LazyGeoJson(GeoJsonDict):  # type: ignore[misc]  # its library has no types
    """The same as ``GeoJsonDict(value.geojson)``, but made when it is first read."""

    def __init__(
        self,
        data: bytes,
        precision: int | None = None,
        bbox: bool = False,
        degrees: Degrees | None = None,
    ) -> None:
        self._source: wkb.Source | None = (data, precision, bbox, degrees)
        super().__setitem__("type", _NotRead())

    def _fill(self) -> LazyGeoJson:
        if self._source is not None:
            with _filling:
                if self._source is not None:
                    made = wkb.stock(*self._source)
                    super().clear()
                    for name, part in made.items():
                        super().__setitem__(name, part)  # update() would call this method again
                    # Only now: otherwise, another thread would use an incomplete dictionary.
                    self._source = None
        return self

    def items(self) -> Any:
        sources, source = _document.get(), self._source
        if sources is not None and source is not None:
            sources.append(source)
            return ((_TOKEN, 0),)
        return GeoJsonDict.items(self._fill())

    def copy(self) -> GeoJsonDict:
        return GeoJsonDict(self.items())

    __copy__ = copy

    def __or__(self, other: dict[Any, Any]) -> GeoJsonDict:
        return self.copy() | other

    def __ror__(self, other: dict[Any, Any]) -> GeoJsonDict:
        return other | self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return GeoJsonDict, (dict(self.items()),)

    def __iter__(self) -> Iterator[str]:
        names: Iterator[str] = GeoJsonDict.__iter__(self._fill())
        return names


def _filled_first(name: str) -> Callable[..., Any]:
    method = getattr(GeoJsonDict, name)

    def call(self: LazyGeoJson, *args: Any, **kwargs: Any) -> Any:
        return method(self._fill(), *args, **kwargs)

    call.__name__ = name
    return call


for _name in (
    *("__getitem__", "__setitem__", "__delitem__", "__contains__", "__len__", "__reversed__"),
    *("__eq__", "__ne__", "__ior__", "__repr__", "__str__", "__sizeof__"),
    *("keys", "values", "get", "pop", "popitem", "setdefault", "update", "clear"),
    *("move_to_end",),
):
    setattr(LazyGeoJson, _name, _filled_first(_name))


def _is_ours(value: Any, field: Field[Any, Any, Any, Any]) -> bool:
    """Whether a GeoDjango geometry goes to a renderer that writes it as this module does."""
    if not isinstance(value, GEOSGeometry) or type(value).json is not GEOSGeometry.json:
        return False
    renderer = getattr(field.context.get("request"), "accepted_renderer", None)
    return renderer is not None and type(renderer).render is _render


def _geometry(self: GeometryField, value: Any) -> Any:
    if (
        self.transform is not None
        and isinstance(value, GEOSGeometry)
        and value.srid not in (None, self.transform)
    ):
        if not value.geojson:
            return _stock_geometry(self, value)
        # In place, like the field's own code.
        move(value, self.transform)
    written = late(self, value)
    return _stock_geometry(self, value) if written is None else written


def late(field: GeometryField, value: Any, degrees: Degrees | None = None) -> LazyGeoJson | None:
    """The geometry as the renderer writes it, through ``degrees``. None if stock code must."""
    if field.remove_dupes or not _is_ours(value, field):
        return None
    if field.precision is not None and (type(field)._recursive_round is not _stock_round):
        return None
    data = wkb.of(value)
    return None if data is None else LazyGeoJson(data, field.precision, field.auto_bbox, degrees)


def _method(self: GeometrySerializerMethodField, value: Any) -> Any:
    geometry = super(GeometrySerializerMethodField, self).to_representation(value)
    if geometry is None:
        return None
    data = wkb.of(geometry) if _is_ours(geometry, self) else None
    return GeoJsonDict(geometry.geojson) if data is None else LazyGeoJson(data)


class _Fields:
    """Where the fields of a GeoFeatureModelSerializer get their values."""

    def __init__(self, serializer: GeoFeatureModelSerializer, key: tuple[Any, ...]) -> None:
        self.key = key
        fields, meta = serializer.fields, serializer.Meta
        stored = {field.attname for field in meta.model._meta.concrete_fields}
        self.id, self.geometry = (
            _Reader(fields[name], stored) if name else None
            for name in (meta.id_field, meta.geo_field)
        )
        self.properties = [
            _Reader(field, stored)
            for name, field in fields.items()
            if name not in (meta.id_field, meta.geo_field) and not field.write_only
        ]


class _Reader:
    """``Field.get_attribute``, without its search if the model itself has the value."""

    __slots__ = ("attribute", "name", "represent", "search")

    def __init__(self, field: Field[Any, Any, Any, Any], stored: set[str]) -> None:
        self.name = field.field_name
        self.search, self.represent = partial(features.attribute, field), field.to_representation
        steps: list[Any] = field.source_attrs or [None]
        (first, *others) = steps
        own = type(field).get_attribute is not Field.get_attribute
        self.attribute = None if own or others or first not in stored else first

    def __call__(self, instance: Model) -> Any:
        if self.attribute in instance.__dict__:  # neither None nor a deferred field is
            value = getattr(instance, self.attribute)
            if not callable(value):
                return value
        return self.search(instance)


def _feature(self: GeoFeatureModelSerializer, instance: Any) -> OrderedDict[str, Any]:
    meta = self.Meta
    if (
        type(self).get_properties is not GeoFeatureModelSerializer.get_properties
        or meta.auto_bbox
        or meta.bbox_geo_field
        or not isinstance(instance, Model)
    ):
        stock: OrderedDict[str, Any] = _stock_feature(self, instance)
        return stock
    # A view can change the fields of a serializer at any time.
    key = (meta.id_field, meta.geo_field, *self.fields.fields.items())
    fields = self.__dict__.get("_readers")
    if fields is None or fields.key != key:
        fields = self._readers = _Fields(self, key)
    feature: OrderedDict[str, Any] = OrderedDict()
    if fields.id:
        feature["id"] = fields.id.represent(fields.id(instance))
    feature["type"] = "Feature"
    geometry = fields.geometry
    feature["geometry"] = geometry.represent(geometry(instance)) if geometry else None
    feature["properties"] = properties = OrderedDict()
    for reader in fields.properties:
        value = reader(instance)
        properties[reader.name] = None if value is None else reader.represent(value)
    return feature


def _render(
    self: JSONRenderer,
    data: Any,
    accepted_media_type: str | None = None,
    renderer_context: Mapping[str, Any] | None = None,
) -> bytes:
    """JSONRenderer.render, with the geometries inserted where they belong."""
    context: tuple[Any, Any] = (accepted_media_type, renderer_context)
    if self.encoder_class is not JSONEncoder:
        return _stock_render(self, data, *context)
    if not self.compact or self.get_indent(context[0], renderer_context or {}):
        try:
            return _stock_render(self, data, *context)
        except ValueError:
            return _stock_render(self, _with_numbers(data), *context)
    sources: list[tuple[Any, ...]] = []
    written = _document.set(sources)
    try:
        try:
            document = _stock_render(self, data, *context)
        except ValueError:
            sources.clear()
            document = _stock_render(self, _with_numbers(data), *context)
    finally:
        _document.reset(written)
    if not sources:
        return document
    parts = document.split(_MARK)
    texts = wkb.texts(sources)
    pieces = [parts[0]]
    for text, part in zip(texts, parts[1:], strict=True):
        pieces += (text, part)
    return b"".join(pieces)


def _with_numbers(data: Any) -> Any:
    """A float that is not a number as text, which is what PostgreSQL writes in a stream.

    Raises ValueError for data that can be read only once, and was.
    """
    if isinstance(data, Iterator):
        raise ValueError(f"a float in a {type(data).__name__} is not a JSON number: make it a list")
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, dict) and not isinstance(data, GeoJsonDict):
        return {key: _with_numbers(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_with_numbers(value) for value in data]
    return data


def install() -> None:
    """Replace the four methods, or nothing if one of them is unknown."""
    unknown = [
        function.__qualname__ for function, known in REPLACED.items() if _hash(function) != known
    ]
    if unknown:
        logger.warning(
            "FAST_GEOJSON has no effect: it does not know %s of the installed release",
            ", ".join(unknown),
        )
        return
    GeometryField.to_representation = _geometry
    GeometrySerializerMethodField.to_representation = _method
    GeoFeatureModelSerializer.to_representation = _feature
    JSONRenderer.render = _render  # type: ignore[method-assign]  # in its place
    lazy_geos.install()


def _hash(function: Callable[..., Any]) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
