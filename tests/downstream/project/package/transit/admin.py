from django.contrib.gis import admin

from transit.models import Report


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):
    list_display = ["text", "stop_id", "created"]
    # The map widget of GeoDjango's admin loads its map from the internet.
    exclude = ["place"]
