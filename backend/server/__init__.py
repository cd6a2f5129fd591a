"""What gunicorn does for this image beyond its settings, by its hooks.

Imported before a gevent worker patches Python, so that nothing here imports Django.
"""
