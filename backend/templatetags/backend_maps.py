"""What the maps in templates need to know."""

from django import template

from backend.geo.background import attributes

register = template.Library()
register.simple_tag(attributes, name="map_background")
