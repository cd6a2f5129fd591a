"""``manage.py doctor``: whether the running project is ready for production."""
