"""Views over what Django and REST framework offer; a viewset is made for each of its settings."""

from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from django.views import generic
from rest_framework import (
    authentication,
    exceptions,
    filters,
    generics,
    mixins,
    negotiation,
    pagination,
    parsers,
    permissions,
    renderers,
    serializers,
    throttling,
    versioning,
    viewsets,
)
from rest_framework.decorators import action, api_view
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView

from shop.models import Item


class ItemSerializer(serializers.ModelSerializer):
    class Meta:
        model = Item
        fields = "__all__"


OPEN = {
    "queryset": Item.objects.all(),
    "serializer_class": ItemSerializer,
    "permission_classes": [permissions.AllowAny],
    "pagination_class": None,
    "filter_backends": [],
    "versioning_class": None,
}


class Items(viewsets.ModelViewSet):
    queryset = Item.objects.all()
    serializer_class = ItemSerializer

    @action(detail=True, methods=["post", "get"])
    def double(self, request, pk):  # a mistake where a viewset has another lookup_field
        return Response({"price": self.get_object().price * 2})

    @action(detail=False)
    def cheapest(self, request):
        return Response(self.get_serializer(self.get_queryset().order_by("price").first()).data)


class ByPage(pagination.PageNumberPagination):
    page_size = 2


class ByOffset(pagination.LimitOffsetPagination):
    default_limit = 2


class ByCursor(pagination.CursorPagination):
    page_size, ordering = 2, "id"


class Never(throttling.SimpleRateThrottle):
    rate, scope = "0/day", "never"

    def allow_request(self, request, view):
        return False

    def wait(self):
        return 60


class First(negotiation.DefaultContentNegotiation):
    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


VIEWSETS = {
    "defaults": {name: OPEN[name] for name in ("queryset", "serializer_class")},
    "open": OPEN,
    "bypage": OPEN | {"pagination_class": ByPage},
    "byoffset": OPEN | {"pagination_class": ByOffset},
    "bycursor": OPEN | {"pagination_class": ByCursor},
    "search": OPEN | {"filter_backends": [filters.SearchFilter], "search_fields": ["name"]},
    "order": OPEN | {"filter_backends": [filters.OrderingFilter]},
    "json": OPEN | {"renderer_classes": [renderers.JSONRenderer]},
    "browsable": OPEN | {"renderer_classes": [renderers.BrowsableAPIRenderer]},
    "form": OPEN | {"parser_classes": [parsers.FormParser, parsers.MultiPartParser]},
    "throttled": OPEN | {"throttle_classes": [Never]},
    "admins": OPEN | {"permission_classes": [permissions.IsAdminUser]},
    "users": OPEN | {"permission_classes": [permissions.IsAuthenticated]},
    "readers": OPEN | {"permission_classes": [permissions.IsAuthenticatedOrReadOnly]},
    "models": OPEN | {"permission_classes": [permissions.DjangoModelPermissions]},
    "basic": OPEN
    | {
        "permission_classes": [permissions.IsAuthenticated],
        "authentication_classes": [authentication.BasicAuthentication],
    },
    "byquery": OPEN | {"versioning_class": versioning.QueryParameterVersioning},
    "byaccept": OPEN | {"versioning_class": versioning.AcceptHeaderVersioning},
    "first": OPEN | {"content_negotiation_class": First},
    "byname": OPEN | {"lookup_field": "name"},
}
GENERICS = [
    *(generics.CreateAPIView, generics.ListAPIView, generics.ListCreateAPIView),
    *(generics.RetrieveAPIView, generics.UpdateAPIView, generics.DestroyAPIView),
    *(generics.RetrieveUpdateAPIView, generics.RetrieveDestroyAPIView),
    generics.RetrieveUpdateDestroyAPIView,
]


class Mixed(mixins.ListModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet):
    pass


class Echo(APIView):
    permission_classes = [permissions.AllowAny]

    def post(self, request):
        return Response({"data": request.data, "query": request.query_params}, status=202)


RAISED = {
    "http404": Http404("gone"),
    "denied": exceptions.PermissionDenied("no"),
    "invalid": exceptions.ValidationError({"name": ["bad"]}),
    "parse": exceptions.ParseError(),
    "unavailable": exceptions.APIException("down"),
    "bug": ValueError("bug"),
}


@api_view(["GET"])
def raised(request, name):
    raise RAISED[name]


@api_view(["GET", "PUT"])
def function(request):
    return Response({"method": request.method})


def plain_raised(request, name):
    raise RAISED[name]


router = DefaultRouter()
for name, settings in VIEWSETS.items():
    router.register(name, type(name, (Items,), settings), basename=name)
router.register("mixed", type("Mixed", (Mixed,), OPEN), basename="mixed")


class Listed(generic.ListView):
    model, template_name = Item, "shop/none.html"

    def render_to_response(self, context, **kwargs):
        return JsonResponse({"names": [item.name for item in context["object_list"]]})


urlpatterns = [
    path("api/", include(router.urls)),
    *(
        path(f"generics/{view.__name__}/<pk>/", type(view.__name__, (view,), OPEN).as_view())
        for view in GENERICS
    ),
    path("echo/", Echo.as_view()),
    path("function/", function),
    path("raised/<name>/", raised),
    path("plain/raised/<name>/", plain_raised),
    path("plain/text/", lambda request: HttpResponse("text", content_type="text/plain")),
    path("plain/json/", lambda request: JsonResponse({"a": 1})),
    path("plain/stream/", lambda request: StreamingHttpResponse([b"a", b"b"])),
    path("plain/file/", lambda request: FileResponse(open(__file__, "rb"))),  # noqa: PTH123, SIM115
    path("plain/list/", Listed.as_view()),
    path("plain/redirect/", generic.RedirectView.as_view(url="/plain/text/")),
    path("plain/slash/", lambda request: HttpResponse("slash")),
]
