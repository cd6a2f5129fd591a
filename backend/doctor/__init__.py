"""Whether what runs is right for production: ``manage.py doctor``."""
