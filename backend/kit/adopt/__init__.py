"""``docker run --rm -v "$PWD:/project" IMAGE adopt``: puts a whole Django project on this image.

It writes a Dockerfile, a Compose file, and so on around the project, never touches its code, and
lists by file and line what a person must decide. ``settings`` reads what the project's settings
need, ``packages`` how its packages are installed, ``containers`` what it did in containers until
now. ``plan`` lists the files to write, and ``write`` writes them.

Like ``upgrade``, whose rules it uses, it never imports or runs the project's code.
"""
