"""What a container writes: one line an event, text or JSON, with the id of its request."""
