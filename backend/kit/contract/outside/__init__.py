"""The checks that start an image and ask it over its ports. Python 3.9 and the docker command."""
