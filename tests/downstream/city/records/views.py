"""A viewset for each model, as docs/spatial.md describes."""

from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from backend.lists.cursor import CursorPagination
from records import models

router = DefaultRouter()


def serializer(of, geometry):
    class Meta:
        model, geo_field, fields = of, geometry, "__all__"

    return type(f"{of.__name__}Serializer", (GeoFeatureModelSerializer,), {"Meta": Meta})


def publish(name, model, geometry="geom", base=ReadOnlyModelViewSet, **attributes):
    attributes.setdefault("queryset", model.objects.all())
    shown = {"serializer_class": serializer(model, geometry), **attributes}
    view = type(f"{name.title()}ViewSet", (SpatialMixin, base), shown)
    router.register(name, view, basename=name)


publish("lots", models.TaxLot)
publish("signals", models.Signal)
publish("assets", models.Asset)
publish("tickets", models.Ticket)
publish("inspections", models.Inspection, filterset_fields=["local", "at"])
publish("shapes", models.OddShape, "geo_m")
publish("complaints", models.Complaint, filterset_fields=["district"])
publish("invoked", models.ComplaintInvoked, filterset_fields=["district"])
publish("membercomplaints", models.ComplaintOfMember)
publish("calls", models.Call, filterset_fields=["body"])
publish("hundreds", models.Hundred)
publish("stops", models.Stop, "loc", ModelViewSet, permission_classes=[AllowAny])
publish("pay", models.Pay, filterset_fields=["name"])
publish("whole", models.WholeInspection, filterset_fields=["inspector"])
publish("masts", models.Mast)
for order in ("local", "at", "score"):
    rows = models.Inspection.objects.order_by(f"-{order}")
    publish(f"by{order}", models.Inspection, queryset=rows, pagination_class=CursorPagination)

urlpatterns = router.urls
