"""System checks: ``manage.py check``, and ``--deploy`` for production."""
