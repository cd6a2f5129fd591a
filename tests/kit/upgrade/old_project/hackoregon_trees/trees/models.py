from django.contrib.gis.db import models
from django.contrib.postgres.fields import JSONField
from django.utils.encoding import force_text
from django.utils.translation import ugettext_lazy as _

from trees.pre_existing_models import SpatialRefSys  # the team's other models


class Neighborhood(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self):
        return force_text(self.name)


class Tree(models.Model):
    name = models.CharField(_('name'), max_length=100)
    neighborhood = models.ForeignKey(Neighborhood, null=True)
    # nobody knows of some
    alive = models.NullBooleanField()
    evergreen = models.NullBooleanField(
        help_text=_('keeps its needles'),  # or leaves
    )
    details = JSONField(default=dict)
    place = models.PointField(null=True)

    class Meta:
        ordering = ['id']

    def __str__(self):
        return force_text(self.name)
