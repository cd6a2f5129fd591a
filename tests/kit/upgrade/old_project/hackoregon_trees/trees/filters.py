import coreapi
from django_filters import rest_framework as filters
from django_filters.rest_framework import DjangoFilterBackend

from trees.models import Tree


class TreeFilter(filters.FilterSet):
    taller = filters.CharFilter(field_name='name', lookup_expr='startswith')

    class Meta:
        model = Tree
        fields = ['name', 'alive']


class TreeFilterBackend(DjangoFilterBackend):
    """
    This filter is used to inject custom filter fields into the schema.
    """

    def get_schema_fields(self, view):
        fields = [
            coreapi.Field(
                name="years",
                required=False,
                location="query",
                type="string",
                description="Years to filter on. Example: '2017' or '2017,2018'.",
            ),
        ]

        return fields
