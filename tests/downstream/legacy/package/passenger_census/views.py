from rest_framework import serializers, viewsets

from passenger_census.models import PassengerCensus


class PassengerCensusSerializer(serializers.ModelSerializer):
    class Meta:
        model = PassengerCensus
        fields = ["id", "location_id", "ons"]


class PassengerCensusViewSet(viewsets.ModelViewSet):
    queryset = PassengerCensus.objects.order_by("id")
    serializer_class = PassengerCensusSerializer
