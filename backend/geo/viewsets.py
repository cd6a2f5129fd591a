"""Everything for a spatial viewset in one line.

class StopViewSet(SpatialMixin, viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
"""

from backend.geo.conditional import ConditionalMixin
from backend.geo.filters import SpatialFilterMixin
from backend.geo.sparse_fields import SparseFieldsMixin
from backend.geo.streaming import StreamingMixin
from backend.geo.tiles import TilesMixin
from backend.geo.wgs84 import Wgs84Mixin


class SpatialMixin(
    ConditionalMixin,
    StreamingMixin,
    TilesMixin,
    SpatialFilterMixin,
    Wgs84Mixin,
    SparseFieldsMixin,
):
    """Streams, vector tiles and their map, spatial filters, sparse fields, WGS 84, 304.

    Stands before the viewset's class. Each of its parts can be taken alone instead; their
    attributes are those of the viewset: see the classes above.
    """
