from rest_framework import serializers
from rest_framework.compat import unicode_to_repr
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from trees.models import Neighborhood, Tree


class TreeSerializer(GeoFeatureModelSerializer):
    evergreen = serializers.NullBooleanField(required=False)

    class Meta:
        model = Tree
        geo_field = 'place'
        fields = ['id', 'name', 'alive', 'evergreen', 'details']


class NeighborhoodSerializer(serializers.ModelSerializer):
    class Meta:
        model = Neighborhood
        fields = '__all__'
