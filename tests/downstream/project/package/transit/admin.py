from django.contrib.gis import admin

from transit.models import District, Report, Route, Stop, Zone


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):
    list_display = ["text", "stop_id", "created"]


class StopInline(admin.StackedInline):
    model = Stop
    extra = 0


@admin.register(Route)
class RouteAdmin(admin.GISModelAdmin):
    list_display = ["number", "name", "mode"]
    inlines = [StopInline]


@admin.register(District)
class DistrictAdmin(admin.GISModelAdmin):
    list_display = ["name", "population"]


@admin.register(Zone)
class ZoneAdmin(admin.ModelAdmin):
    pass
