"""Template tags for maps."""

from django import template

from backend.geo.background import attributes
from backend.geo.widgets import place_attributes

register = template.Library()
register.simple_tag(attributes, name="map_background")
register.simple_tag(place_attributes, name="map_place")
