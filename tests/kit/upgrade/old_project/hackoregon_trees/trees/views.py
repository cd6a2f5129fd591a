from rest_framework import viewsets
from rest_framework.decorators import list_route
from rest_framework.response import Response

from trees.filters import TreeFilter, TreeFilterBackend
from trees.models import Neighborhood, Tree
from trees.serializers import NeighborhoodSerializer, TreeSerializer


class TreeViewSet(viewsets.ModelViewSet):
    """
    This endpoint returns GeoJSON points of trees.
    """

    queryset = Tree.objects.all()
    serializer_class = TreeSerializer
    filter_backends = (TreeFilterBackend,)
    filter_class = TreeFilter  # the fields are there

    @list_route()
    def names(self, request):
        if request.is_ajax():
            return Response({'ajax': True})
        return Response(list(self.get_queryset().values_list('name', flat=True)))


class NeighborhoodViewSet(viewsets.ModelViewSet):
    queryset = Neighborhood.objects.order_by('id')
    serializer_class = NeighborhoodSerializer
    filter_fields = ('name',)
