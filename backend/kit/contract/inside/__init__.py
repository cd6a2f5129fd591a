"""The checks that run in a container of the image."""
