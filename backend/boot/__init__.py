"""What happens before the first request.

``python -m backend.boot COMMAND...`` prepares, in one process because each start
of ``manage.py`` costs most of a second, and then becomes the command.
"""
