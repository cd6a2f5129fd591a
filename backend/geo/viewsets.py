"""Everything for a spatial viewset in one line.

class StopViewSet(SpatialMixin, viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
"""

from __future__ import annotations

from typing import Any

from django.http import Http404
from rest_framework.exceptions import ValidationError

from backend.geo.filters import SpatialFilterMixin
from backend.geo.sql_support import shows_columns
from backend.geo.streaming import StreamingMixin
from backend.geo.tiles import TilesMixin
from backend.geo.wgs84 import Wgs84Mixin
from backend.lists.conditional import ConditionalMixin
from backend.lists.keyset import is_composite, key_of
from backend.lists.sparse_fields import SparseFieldsMixin


class SpatialMixin(
    ConditionalMixin,
    StreamingMixin,
    TilesMixin,
    SpatialFilterMixin,
    Wgs84Mixin,
    SparseFieldsMixin,
):
    """Streams, vector tiles and their map, spatial filters, sparse fields, WGS 84, and 304.

    Put it before the viewset's class. You can also use each of its parts alone. The viewset has
    the attributes of all of them: see the classes above.
    """

    def shows_columns(self) -> bool:
        """For ConditionalMixin: whether the team's code adds nothing to the response."""
        return shows_columns(self)

    def get_object(self) -> Any:
        """Like REST framework's. If the model's key is composite, it accepts the id that the list
        shows: ``["Main Street", "12"]``. Raises Http404."""
        name = self.lookup_url_kwarg or self.lookup_field
        model = self.get_queryset().model
        if self.lookup_field == "pk" and is_composite(model._meta.pk):
            try:
                self.kwargs[name] = key_of(model, self.kwargs[name], name)
            except ValidationError:
                raise Http404 from None
        return super().get_object()
