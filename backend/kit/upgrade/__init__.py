"""``docker run -v "$PWD:/project" IMAGE upgrade``: upgrades a project of the 2019 image.

It rewrites code if the meaning certainly stays the same, and lists the rest by file and line. It
never imports or runs the project's code, but reads it as text, syntax trees, and YAML.
"""
