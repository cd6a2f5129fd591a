"""Views that each raise an error in one place while the document is generated."""

from django.urls import path
from drf_yasg.utils import swagger_auto_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import api_view
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from records.models import Well
from records.sound import PlainWellSerializer


def fail(*args, **kwargs):
    raise RuntimeError("of the team's own")


class Sound(viewsets.ReadOnlyModelViewSet):
    queryset = Well.objects.all()
    serializer_class = PlainWellSerializer


class NoSuchField(Sound):
    class Serializer(serializers.ModelSerializer):
        class Meta:
            model = Well
            fields = ["nothing"]
            ref_name = "NoSuchField"

    serializer_class = Serializer


class OwnField(Sound):
    class Serializer(serializers.Serializer):
        class Meta:
            ref_name = "OwnField"

        odd = type("Odd", (serializers.ChoiceField,), {"choices": property(fail)})

        def get_fields(self):
            return fail()

    serializer_class = Serializer


class UnwrittenDefault(Sound):
    """Its example is not JSON."""

    class Serializer(serializers.ModelSerializer):
        class Meta:
            model = Well
            fields = ["id"]
            ref_name = "Unwritten"
            swagger_schema_fields = {"example": object()}

    serializer_class = Serializer


class NotJSON(Sound):
    @swagger_auto_schema(operation_description="", deprecated=object())
    def list(self, request, *args, **kwargs):
        return super().list(request, *args, **kwargs)


class NoSerializer(Sound):
    get_serializer = fail


class NoQueryset(Sound):
    get_queryset = fail


class NoRenderers(Sound):
    get_renderers = fail


class NoAuthenticators(Sound):
    get_authenticators = fail


class NoPermissions(Sound):
    get_permissions = fail


class NoThrottles(Sound):
    get_throttles = fail


class NoHandler(Sound):
    get_exception_handler = fail


class BadFilter(Sound):
    filter_backends = [
        type("Filter", (BaseFilterBackend,), {"get_schema_operation_parameters": fail})
    ]


class BadWords(Sound):
    """It documents a parameter without a schema."""

    class Filter(BaseFilterBackend):
        def get_schema_operation_parameters(self, view):
            return [{"name": "a", "in": "query"}]

    filter_backends = [Filter]


class NewWords(Sound):
    """Uses keywords that Swagger 2.0 does not have."""

    class Filter(BaseFilterBackend):
        def get_schema_operation_parameters(self, view):
            schema = {"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True}
            return [
                {"name": "a", "in": "query", "schema": schema},
                {"name": "b", "in": "query", "schema": {"type": ["string", "null"]}},
                {"name": "c", "in": "query", "schema": {"type": "object"}},
                {"name": "d", "in": "query", "schema": {"type": "integer"}, "example": 1},
            ]

    filter_backends = [Filter]


class BadFilterSet(Sound):
    filterset_fields = ["nothing"]


class BadPages(Sound):
    pagination_class = type(
        "Pages", (LimitOffsetPagination,), {"get_schema_operation_parameters": fail}
    )


class BadAnswer(Sound):
    pagination_class = type(
        "Pages", (LimitOffsetPagination,), {"get_paginated_response_schema": fail}
    )


class Asked(serializers.Serializer):
    limit = serializers.IntegerField()


class Conflict(Sound):
    @swagger_auto_schema(query_serializer=Asked)
    def list(self, request, *args, **kwargs):
        return super().list(request, *args, **kwargs)


class NoInit(Sound):
    def __init__(self, **options):
        fail()


class BareView(APIView):
    def get(self, request):
        return Response({})


@api_view(["GET", "POST"])
def function(request):
    return Response({})


router = SimpleRouter()
for view in (
    *(Sound, NoSuchField, OwnField, UnwrittenDefault, NotJSON, NoSerializer, NoQueryset),
    *(NoRenderers, NoAuthenticators, NoPermissions, NoThrottles, NoHandler, BadFilter, BadWords),
    *(NewWords, BadFilterSet, BadPages, BadAnswer, Conflict, NoInit),
):
    router.register(view.__name__.lower(), view, basename=view.__name__.lower())
urlpatterns = [
    *router.urls,
    path("bare/", BareView.as_view()),
    path("function/", function),
]
