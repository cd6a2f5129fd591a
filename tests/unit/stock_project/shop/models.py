from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    made = models.DateTimeField()
    tags = models.JSONField(default=list)

    class Meta:
        ordering = ["id"]
