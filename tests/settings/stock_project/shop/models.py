from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "shelves"

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return f"/pages/shelves/{self.pk}/"


class Item(models.Model):
    name = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    made = models.DateTimeField()
    tags = models.JSONField(default=list, blank=True)
    shelf = models.ForeignKey(Shelf, models.PROTECT, null=True, blank=True, related_name="items")

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.name


class Paper(models.Model):
    title = models.CharField(max_length=20)
    file = models.FileField(upload_to="papers")
