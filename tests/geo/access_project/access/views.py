"""Viewsets with the image's mixin, and for each a plain REST framework viewset of the same rows."""

from django.contrib.gis.geos import Point
from django.db import connection
from django.db.models import Q
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition
from drf_yasg.utils import swagger_auto_schema
from rest_framework import serializers, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import (
    GeoFeatureModelListSerializer,
    GeoFeatureModelSerializer,
)

from access.models import Mine, Note, Place, Site
from backend.geo.viewsets import SpatialMixin
from backend.lists.pagination import CursorPagination

# Documents an action that does not show rows.
HOW_MANY = swagger_auto_schema(responses={200: "How many rows there are"})


class PlaceSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "area"
        fields = ["id", "name", "area"]


class FullSerializer(GeoFeatureModelSerializer):
    class Meta(PlaceSerializer.Meta):
        fields = ["id", "name", "area", "secret"]


class BlurredSerializer(GeoFeatureModelSerializer):
    home = GeometryField(precision=1)

    class Meta(PlaceSerializer.Meta):
        fields = ["id", "name", "area", "home"]


class HomeSerializer(GeoFeatureModelSerializer):
    home = GeometryField(precision=1)

    class Meta:
        model = Place
        geo_field = "home"
        fields = ["id", "name", "home"]


class NoteSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Note
        geo_field = "geom"
        fields = ["id", "name", "geom"]


class SiteSerializer(GeoFeatureModelSerializer):
    class Meta(NoteSerializer.Meta):
        model = Site


class MineSerializer(GeoFeatureModelSerializer):
    class Meta(NoteSerializer.Meta):
        model = Mine


class NickSerializer(serializers.ModelSerializer):
    class Meta:
        model = Place
        fields = ["name", "owner"]


class Masked(serializers.CharField):
    def to_representation(self, value):
        return f"***{value[-2:]}"


class MaskedSerializer(serializers.ModelSerializer):
    secret = Masked()

    class Meta:
        model = Place
        fields = ["id", "name", "owner", "secret"]
        extra_kwargs = {"owner": {"write_only": True}}


class BoxedSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "home"
        bbox_geo_field = "area"
        fields = ["id", "name"]


class Rounding(GeoFeatureModelListSerializer):
    def to_representation(self, data):
        shown = super().to_representation(data)
        for feature in shown["features"]:
            feature["geometry"] = None
        return shown


class RoundedListSerializer(GeoFeatureModelSerializer):
    class Meta(PlaceSerializer.Meta):
        list_serializer_class = Rounding


class WhereSerializer(GeoFeatureModelSerializer):
    home = GeometryField()

    class Meta(PlaceSerializer.Meta):
        fields = ["id", "name", "area", "home"]


class PlainPlaces(viewsets.ModelViewSet):
    """Rows that everyone sees, and the user's own rows."""

    queryset = Place.objects.all()
    serializer_class = PlaceSerializer

    def get_queryset(self):
        return super().get_queryset().filter(Q(owner=None) | Q(owner=self.request.user.username))

    def perform_create(self, serializer):
        serializer.save(home=Point(-122.6, 45.6, srid=4326))


class PlainByAction(viewsets.ReadOnlyModelViewSet):
    """Everything depends on self.action, which must be an action of stock REST framework."""

    queryset = Place.objects.all()

    def get_serializer_class(self):
        return {"list": PlaceSerializer, "retrieve": FullSerializer}[self.action]

    def get_permissions(self):
        # The browsable API checks permissions without an action for the OPTIONS form.
        return [{"list": AllowAny, "retrieve": IsAuthenticated, None: AllowAny}[self.action]()]

    def get_throttles(self):
        return {"list": [], "retrieve": []}[self.action]

    def get_queryset(self):
        every = super().get_queryset()
        return {"list": every.filter(owner=None), "retrieve": every}[self.action]


class PlainMembers(viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = PlaceSerializer
    permission_classes = [IsAuthenticated]


class PlainByRequest(viewsets.ReadOnlyModelViewSet):
    """Rows that depend on a part of the request, which ``by`` names."""

    queryset = Place.objects.all()
    serializer_class = PlaceSerializer

    def get_queryset(self):
        asked = self.request
        owner = {
            "key": asked.headers.get("X-Api-Key"),
            "cookie": asked.COOKIES.get("tenant"),
            "agent": asked.headers.get("User-Agent"),
            "address": asked.headers.get("X-Forwarded-For"),
            "session": asked.session.get("tenant"),
        }[self.kwargs["by"]]
        return super().get_queryset().filter(owner=owner)


class PlainBlurred(viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = BlurredSerializer
    ordering_fields = "__all__"


class PlainHomes(viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = HomeSerializer


class Tenant:
    """Sets what determines the rows in PostgreSQL, for one request. The middleware resets it."""

    setting = (
        "SELECT set_config('role', 'access_reader', false), set_config('app.tenant', %s, false)"
    )
    late = False

    def set_tenant(self):
        tenant = self.request.headers.get("X-Tenant", "nobody")
        with connection.cursor() as cursor:
            cursor.execute(self.setting, [tenant])

    def initial(self, request, *args, **kwargs):
        bool(request.user)  # authenticates before the role changes
        if not self.late:
            self.set_tenant()
        super().initial(request, *args, **kwargs)

    def get_queryset(self):
        if self.late:
            self.set_tenant()
        return super().get_queryset()


class PlainNotes(Tenant, viewsets.ReadOnlyModelViewSet):
    queryset = Note.objects.all()
    serializer_class = NoteSerializer


class PlainLateNotes(PlainNotes):
    late = True


class PlainSites(Tenant, viewsets.ReadOnlyModelViewSet):
    queryset = Site.objects.all()
    serializer_class = SiteSerializer
    setting = "SELECT set_config('search_path', %s || ',public', false)"


class PlainMine(PlainNotes):
    queryset = Mine.objects.all()
    serializer_class = MineSerializer


PLAIN = {
    "places": PlainPlaces,
    "by-action": PlainByAction,
    "members": PlainMembers,
    "by-request/(?P<by>[a-z]+)": PlainByRequest,
    "blurred": PlainBlurred,
    "homes": PlainHomes,
    "notes": PlainNotes,
    "late-notes": PlainLateNotes,
    "sites": PlainSites,
    "mine": PlainMine,
}


def ours(plain, **options):
    # The most careless caching that a team could set.
    options = {"cache_control": {"public": True, "max_age": 60, "s_maxage": 60}, **options}
    return type(f"Our{plain.__name__}", (SpatialMixin, plain), options)


class NamedFilters(SpatialMixin, PlainBlurred):
    spatial_filter_fields = ["home"]


class Nicks(viewsets.ReadOnlyModelViewSet):
    """A team's viewset with a serializer that does not show the key."""

    queryset = Place.objects.all()
    serializer_class = NickSerializer


class ByOwner(SpatialMixin, Nicks):
    queryset = Place.objects.order_by("owner")
    pagination_class = CursorPagination


class BySecret(ByOwner):
    queryset = Place.objects.order_by("secret")


class MaskedPlaces(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = MaskedSerializer


class NamedOrders(MaskedPlaces):
    ordering_fields = ["secret"]


class Boxed(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = BoxedSerializer


class RoundedLists(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = RoundedListSerializer


class Counted(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    """Only its list shows rows, without the column home."""

    queryset = Place.objects.all()

    def get_serializer_class(self):
        return PlaceSerializer if self.action == "list" else WhereSerializer

    @action(detail=False, pagination_class=None)
    @HOW_MANY
    def summary(self, request):
        return Response({"count": self.filter_queryset(self.get_queryset()).count()})


class OwnSerializer(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = PlaceSerializer

    @action(detail=False, serializer_class=WhereSerializer, pagination_class=None)
    @HOW_MANY
    def summary(self, request):
        return Response({"count": self.filter_queryset(self.get_queryset()).count()})


class MembersList(OwnSerializer):
    """Only members can see its rows, but anyone can see how many there are."""

    permission_classes = [IsAuthenticated]
    serializer_class = WhereSerializer

    @action(detail=False, permission_classes=[AllowAny], pagination_class=None)
    @HOW_MANY
    def summary(self, request):
        return Response({"count": self.filter_queryset(self.get_queryset()).count()})


class LoginToken:
    """A user that is not a model, as with signed tokens."""

    is_authenticated = True
    pk = 7


class FromNowhere(BaseAuthentication):
    def authenticate(self, request):
        return LoginToken(), "token"


class Nowhere(SpatialMixin, PlainBlurred):
    authentication_classes = [FromNowhere]


@csrf_exempt
@condition(etag_func=lambda request: '"of-the-team"')
def conditioned(request):
    return HttpResponse('{"a": "' + "a" * 2000 + '"}', content_type="application/json")


def remember(request, tenant):
    request.session["tenant"] = tenant
    return HttpResponse()


router = DefaultRouter()
for name, plain in PLAIN.items():
    router.register(f"plain/{name}", plain, basename=f"plain-{plain.__name__}")
    options = {"conditional_headers": ["X-Tenant"]} if issubclass(plain, Tenant) else {}
    router.register(name, ours(plain, **options), basename=plain.__name__)
router.register("named-filters", NamedFilters, basename="named-filters")
router.register("plain/nicks", Nicks, basename="plain-nicks")
router.register("nicks", ours(Nicks), basename="nicks")
router.register("by-owner", ByOwner, basename="by-owner")
router.register("by-secret", BySecret, basename="by-secret")
router.register("masked", MaskedPlaces, basename="masked")
router.register("named-orders", NamedOrders, basename="named-orders")
router.register("boxed", Boxed, basename="boxed")
router.register("rounded-lists", RoundedLists, basename="rounded-lists")
router.register("counted", Counted, basename="counted")
router.register("own-serializer", OwnSerializer, basename="own-serializer")
router.register("members-list", MembersList, basename="members-list")
router.register("any-header", ours(PlainNotes), basename="any-header")
router.register("nowhere", Nowhere, basename="nowhere")
urlpatterns = [
    path("conditioned/", conditioned),
    path("remember/<tenant>/", remember),
    *router.urls,
]
