import json

from django.db import models

# Whatever the data team put there
with open('/code/src_files/data/neighborhoods.json') as file:
    NEIGHBORHOODS = json.load(file)


class Park(models.Model):
    name = models.CharField(max_length=100)
    neighborhood = models.CharField(max_length=50, choices=[(name, name) for name in NEIGHBORHOODS])
