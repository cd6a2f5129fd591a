"""Checks of the contract that this image and every image built on it keep.

``inside`` runs in a container of the image (``docker run IMAGE check``), without a database and
without a key. ``outside`` starts the image and sends requests to its ports (``bin/image-test``).
``outside`` and ``report`` run on a team's machine, so they need only Python 3.9.
"""
