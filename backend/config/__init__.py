"""``manage.py config``: which settings are in force, and where each value comes from."""
