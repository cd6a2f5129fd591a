"""Views that SQL cannot produce, and unusual spatial views."""

from django.contrib.gis.db.models.functions import Translate
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.filters import BaseFilterBackend
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from values.models import Declared, Parent


class NoteSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Declared
        geo_field = "geom"
        fields = ["id", "geom", "note"]


class Notes(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Declared.objects.all()
    serializer_class = NoteSerializer


class Own(Notes):
    class Reshaped(NoteSerializer):
        def to_representation(self, instance):
            return {**super().to_representation(instance), "more": None}

    serializer_class = Reshaped


class Nested(Notes):
    class WithParent(NoteSerializer):
        class ParentSerializer(serializers.ModelSerializer):
            class Meta:
                model = Parent
                fields = ["title"]

        parent = ParentSerializer()

        class Meta(NoteSerializer.Meta):
            fields = ["id", "geom", "parent"]

    serializer_class = WithParent


class Method(Notes):
    class WithMethod(NoteSerializer):
        length = serializers.SerializerMethodField()

        class Meta(NoteSerializer.Meta):
            fields = ["id", "geom", "note", "length"]

        def get_length(self, instance) -> int:
            return len(instance.note or "")

    serializer_class = WithMethod


class Boxed(Notes):
    class WithBox(NoteSerializer):
        class Meta(NoteSerializer.Meta):
            auto_bbox = True

    serializer_class = WithBox


class LeftOut(Method):
    stream_fields = tile_fields = ["note"]


class ByRequest(Notes):
    """The serializer depends on the request."""

    def get_serializer_class(self):
        return Method.WithMethod


class Moved(Notes):
    class MovedSerializer(NoteSerializer):
        moved = GeometryField()

        class Meta(NoteSerializer.Meta):
            geo_field = "moved"
            fields = ["id", "note", "moved"]

    queryset = Declared.objects.annotate(moved=Translate("geom", 1, 1))
    serializer_class = MovedSerializer


class Plain(Notes):
    class PlainSerializer(serializers.Serializer):
        id = serializers.IntegerField()
        note = serializers.CharField()
        geom = GeometryField()

    serializer_class = PlainSerializer


class Chosen(Notes):
    """Rounds the geometry for some clients, depending on the request."""

    class ChosenSerializer(NoteSerializer):
        def get_fields(self):
            request = self.context.get("request")
            fields = super().get_fields()
            if request is None or "X-Exact" not in request.headers:
                fields["geom"] = GeometryField(precision=1)
            return fields

    serializer_class = ChosenSerializer


class PerRequest(Notes):
    class RoundedSerializer(NoteSerializer):
        geom = GeometryField(precision=1)

    serializer_class = RoundedSerializer

    @property
    def spatial_filter_fields(self):
        return ["geom"] if "X-Exact" in self.request.headers else []


class Rounded(PerRequest):
    spatial_filter_fields = None


class AsList(BaseFilterBackend):
    def filter_queryset(self, request, queryset, view):
        return list(queryset)


class Listed(Notes):
    filter_backends = [*Notes.filter_backends, AsList]


class Sliced(Notes):
    queryset = Declared.objects.all()[:3]


class Acting(Notes):
    @action(detail=False, serializer_class=None)
    def recent(self, request):
        return Response([{"id": 1}])


router = DefaultRouter()
for viewset in (
    *(Notes, Own, Nested, Method, Boxed, LeftOut, ByRequest, Moved, Plain, Listed, Sliced),
    *(Acting, Chosen, PerRequest, Rounded),
):
    router.register(viewset.__name__.lower(), viewset, f"limits-{viewset.__name__}")
urlpatterns = router.urls
