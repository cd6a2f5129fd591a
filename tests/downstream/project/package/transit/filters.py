from django_filters import rest_framework as filters

from transit.models import Stop


class StopFilter(filters.FilterSet):
    """``?route=4``, ``?name=Division``, ``?boardings_min=100&boardings_max=200``."""

    name = filters.CharFilter(lookup_expr="icontains")
    boardings_min = filters.NumberFilter("boardings", "gte")
    boardings_max = filters.NumberFilter("boardings", "lte")

    class Meta:
        model = Stop
        fields = ["route"]
