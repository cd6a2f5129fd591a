"""What is in force and where it came from (``manage.py config``), and whether it is right
(``manage.py doctor``).
"""
