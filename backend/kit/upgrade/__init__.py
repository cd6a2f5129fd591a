"""``docker run -v "$PWD:/project" IMAGE upgrade``: moves a project of the 2019 image over.

What surely means the same today is rewritten, the rest is listed by file and line. Nothing of a
project is imported or run: it is read as text, syntax trees and YAML.
"""
