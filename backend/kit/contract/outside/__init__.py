"""The checks that start an image and request its ports. They need Python 3.9 and docker."""
