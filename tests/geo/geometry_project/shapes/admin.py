from django.contrib.gis import admin

from shapes.models import EVERY

admin.site.register(EVERY, admin.GISModelAdmin)
