"""What is in force, and where each value comes from: ``manage.py config``."""
