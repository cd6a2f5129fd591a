"""What gunicorn does for this image beyond its settings, through its hooks.

These modules load before a gevent worker patches Python, so nothing here imports Django.
"""
