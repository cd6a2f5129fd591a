"""``docker run --rm -v "$PWD:/project" IMAGE startproject my-api``: a team's own project.

The files come from the templates in ``scaffold/``: ``names`` checks what the user typed,
``plan`` says which file becomes which, ``render`` fills them in, ``write`` puts all of them there
or none.
"""
