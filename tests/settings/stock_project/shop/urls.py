"""Views that use features of Django and REST framework. Each setting of a viewset has a viewset."""

from django.contrib import admin
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import generic
from django.views.decorators.cache import cache_page
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
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.decorators import (
    action,
    api_view,
    parser_classes,
    permission_classes,
    renderer_classes,
)
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.routers import DefaultRouter, SimpleRouter
from rest_framework.schemas import get_schema_view
from rest_framework.validators import UniqueTogetherValidator
from rest_framework.views import APIView

from shop import pages
from shop.models import Item, Paper, Shelf


class ItemSerializer(serializers.ModelSerializer):
    class Meta:
        model = Item
        fields = "__all__"


class PaperSerializer(serializers.ModelSerializer):
    class Meta:
        model = Paper
        fields = "__all__"


class ShelfSerializer(serializers.HyperlinkedModelSerializer):
    items = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = Shelf
        fields = ["url", "name", "items"]


class NestedSerializer(serializers.ModelSerializer):
    shelf = ShelfSerializer(read_only=True)
    cheap = serializers.SerializerMethodField()

    class Meta:
        model = Item
        fields = ["name", "price", "made", "shelf", "cheap"]
        validators = [UniqueTogetherValidator(Item.objects.all(), ["name", "price"])]

    def get_cheap(self, item):
        return item.price < 3

    def validate_name(self, name):
        if name == "forbidden":
            raise serializers.ValidationError("Not this one.", code="forbidden")
        return name


class OrderSerializer(serializers.Serializer):
    """Every kind of field that a multipart form can contain."""

    number = serializers.IntegerField(max_value=99)
    kinds = serializers.MultipleChoiceField(choices=["a", "b"])
    tags = serializers.ListField(child=serializers.CharField(max_length=3))
    sizes = serializers.DictField(child=serializers.FloatField(), required=False)
    shelf = ShelfSerializer(required=False)
    day = serializers.DateField(format="%d.%m.%Y", required=False)
    span = serializers.DurationField(required=False)
    uuid = serializers.UUIDField(required=False)
    address = serializers.IPAddressField(required=False)
    document = serializers.JSONField(binary=True, required=False)
    file = serializers.FileField(required=False, use_url=False)


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
    def double(self, request, pk):  # fails if a viewset has another lookup_field
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


class ByChosenPage(pagination.PageNumberPagination):
    page_size, page_size_query_param, max_page_size, last_page_strings = 2, "size", 3, ["end"]


class ByShortOffset(pagination.LimitOffsetPagination):
    default_limit, max_limit = 2, 3


class ByNewest(pagination.CursorPagination):
    page_size, ordering, page_size_query_param = 2, ["-made", "name"], "size"


class Twice(throttling.AnonRateThrottle):
    rate = "2/day"


class TwiceAUser(throttling.UserRateThrottle):
    rate = "2/day"


class Scoped(throttling.ScopedRateThrottle):
    THROTTLE_RATES = {"scoped": "1/day"}


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
    "bychosenpage": OPEN | {"pagination_class": ByChosenPage},
    "byshortoffset": OPEN | {"pagination_class": ByShortOffset},
    "bynewest": OPEN | {"pagination_class": ByNewest},
    "nested": OPEN | {"serializer_class": NestedSerializer},
    "shelf": OPEN | {"serializer_class": ShelfSerializer, "queryset": Shelf.objects.all()},
    "papers": OPEN | {"serializer_class": PaperSerializer, "queryset": Paper.objects.all()},
    "adminpages": OPEN | {"renderer_classes": [renderers.AdminRenderer]},
    "raw": OPEN | {"renderer_classes": [renderers.JSONRenderer], "metadata_class": None},
    "twice": OPEN | {"throttle_classes": [Twice]},
    "twiceauser": OPEN | {"throttle_classes": [TwiceAUser]},
    "scoped": OPEN | {"throttle_classes": [Scoped], "throttle_scope": "scoped"},
    "bytoken": OPEN
    | {
        "permission_classes": [permissions.IsAuthenticated],
        "authentication_classes": [authentication.TokenAuthentication],
    },
    "byremoteuser": OPEN
    | {
        "permission_classes": [permissions.IsAuthenticated],
        "authentication_classes": [authentication.RemoteUserAuthentication],
    },
    "bysession": OPEN | {"authentication_classes": [authentication.SessionAuthentication]},
    "bynobody": OPEN | {"authentication_classes": []},
    "modelsoranon": OPEN
    | {"permission_classes": [permissions.DjangoModelPermissionsOrAnonReadOnly]},
    "composed": OPEN
    | {"permission_classes": [permissions.IsAdminUser | permissions.IsAuthenticatedOrReadOnly]},
    "searchexact": OPEN
    | {"filter_backends": [filters.SearchFilter], "search_fields": ["=name", "^shelf__name"]},
    "ordered": OPEN
    | {"filter_backends": [filters.OrderingFilter], "ordering_fields": ["price"]}
    | {"ordering": ["-price"]},
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


class Versioned(APIView):
    permission_classes = [permissions.AllowAny]

    def get(self, request, **kwargs):
        links = reverse("versioned", request=request) if request.version else ""
        return Response({"version": request.version, "link": links})


def versioned(scheme, **settings):
    kind = getattr(versioning, f"{scheme}Versioning")
    kind = type(scheme, (kind,), {"allowed_versions": ["v1", "v2"], **settings})
    return type(scheme, (Versioned,), {"versioning_class": kind}).as_view()


class Ordered(generics.GenericAPIView):
    serializer_class, permission_classes = OrderSerializer, [permissions.AllowAny]

    def post(self, request):
        order = self.get_serializer(data=request.data)
        order.is_valid(raise_exception=True)
        return Response({name: str(value) for name, value in order.validated_data.items()})


class Uploaded(APIView):
    permission_classes, parser_classes = [permissions.AllowAny], [parsers.FileUploadParser]

    def put(self, request, filename=None):
        file = request.data["file"]
        return Response(
            {"name": file.name, "text": file.read().decode(), "type": file.content_type}
        )


class Templated(APIView):
    permission_classes = [permissions.AllowAny]
    renderer_classes = [renderers.TemplateHTMLRenderer, renderers.JSONRenderer]

    def get(self, request):
        if "wrong" in request.query_params:
            raise exceptions.NotFound("wrong")
        return Response({"text": "templated"}, template_name="shop/page.html")


class Formed(generics.GenericAPIView):
    serializer_class, permission_classes = OrderSerializer, [permissions.AllowAny]
    renderer_classes = [renderers.HTMLFormRenderer]

    def get(self, request):
        return Response(self.get_serializer({"number": 1, "kinds": ["a"], "tags": ["x"]}).data)


@api_view(["GET"])
@permission_classes([permissions.AllowAny])
@renderer_classes([renderers.StaticHTMLRenderer])
def static_page(request):
    return Response("<p>static</p>")


@api_view(["POST"])
@permission_classes([permissions.AllowAny])
@parser_classes([parsers.JSONParser])
def strict(request):
    return Response(request.data, headers={"X-Own": "yes"})


@method_decorator(cache_page(60), name="dispatch")
class Kept(generics.ListAPIView):
    queryset, serializer_class = Shelf.objects.all(), ShelfSerializer
    permission_classes, pagination_class = [permissions.AllowAny], None


class Plain(viewsets.ViewSet):
    permission_classes = [permissions.AllowAny]

    def list(self, request):
        return Response(["a", "b"])

    def retrieve(self, request, pk):
        return Response({"pk": pk, "format": request.accepted_renderer.format})


def plain_raised(request, name):
    raise RAISED[name]


router = DefaultRouter()
for name, settings in VIEWSETS.items():
    router.register(name, type(name, (Items,), settings), basename=name)
router.register("plain", Plain, basename="plain")
router.register("mixed", type("Mixed", (Mixed,), OPEN), basename="mixed")


class Listed(generic.ListView):
    model, template_name = Item, "shop/none.html"

    def render_to_response(self, context, **kwargs):
        return JsonResponse({"names": [item.name for item in context["object_list"]]})


slashless = SimpleRouter(trailing_slash=False)
slashless.register("items", type("Slashless", (Items,), OPEN), basename="slashless")
urlpatterns = [
    path("admin/", admin.site.urls),
    path("pages/", include(pages)),
    path("api/", include(router.urls)),
    path("slashless/", include(slashless.urls)),
    path("auth/", include("rest_framework.urls")),
    path("auth/token/", obtain_auth_token),
    path("schema/", get_schema_view("Shop", permission_classes=[permissions.AllowAny])),
    path("versions/query/", versioned("QueryParameter", default_version="v1"), name="versioned"),
    path("versions/accept/", versioned("AcceptHeader")),
    path("versions/host/", versioned("HostName")),
    path("versions/path/<version>/", versioned("URLPath")),
    path("v1/", include(([path("", versioned("Namespace"), name="versioned")], "v1"))),
    path("v9/", include(([path("", versioned("Namespace"), name="versioned")], "v9"))),
    path("order/", Ordered.as_view()),
    path("upload/", Uploaded.as_view()),
    path("upload/<filename>", Uploaded.as_view()),
    path("templated/", Templated.as_view()),
    path("formed/", Formed.as_view()),
    path("static-page/", static_page),
    path("strict/", strict),
    path("kept/", Kept.as_view()),
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
