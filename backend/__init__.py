"""The Django project that every API built on this image runs on."""

__version__ = "1.0.0"
