from django.contrib.gis import admin

from transit.models import District, Report, Route, Zone


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):
    list_display = ["text", "stop_id", "created"]


@admin.register(Route)
class RouteAdmin(admin.GISModelAdmin):
    list_display = ["number", "name", "mode"]


@admin.register(District)
class DistrictAdmin(admin.GISModelAdmin):
    list_display = ["name", "population"]


@admin.register(Zone)
class ZoneAdmin(admin.ModelAdmin):
    pass
