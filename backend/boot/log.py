"""The boot's lines on standard output."""


def say(message: str) -> None:
    """Print one line, at once: a container's log is read while it starts."""
    print(f"boot: {message}", flush=True)
