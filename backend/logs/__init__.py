"""The log of a container: one line per event, text or JSON, with the ID of its request."""
