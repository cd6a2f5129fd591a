"""The contract that this image and every image built on it keep, as checks.

``inside`` runs in a container of the image (``docker run IMAGE check``), without a database and
without a key. ``outside`` starts the image and asks it over its ports (``bin/image-test``); it
and ``report`` need Python 3.9 and nothing else, because they run on a team's machine.
"""
