"""``docker run --rm -v "$PWD:/project" IMAGE startproject my-api``: a team's own project.

The files come from the templates in ``scaffold/``. ``names`` checks the user's arguments, ``plan``
lists the files and their templates, ``render`` fills in the templates, and ``write`` writes all
files or none.
"""
