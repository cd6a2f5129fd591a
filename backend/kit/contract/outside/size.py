"""How much an image adds to the base, and which instruction added it."""

from __future__ import annotations

from collections.abc import Iterator

from backend.conf.findings import OK, PROBLEM, WARNING, Finding
from backend.kit.contract.outside.image import Image, Step

SHOWN = 100_000  # bytes; smaller layers are counted, but not listed
WIDTH = 90  # columns of an instruction
# Folders of caches by the command that writes to them, to find the layer with a cache.
CACHES = {
    "pip install": ("/root/.cache", "/home/app/.cache"),
    "apt-get": ("/var/lib/apt/lists", "/var/cache/apt"),
}


def added(image: Image, caches: dict[str, int], limit: float | None) -> Iterator[Finding]:
    """The size by layer in megabytes. ``caches`` are bytes by folder; ``limit`` is in megabytes."""
    own = image.own
    if own is None:
        yield Finding(
            WARNING,
            "size",
            "The history of the image does not show where the base image ends.",
            "Build your image without --squash.",
        )
        return
    total, below = sum(step.size for step in own), sum(step.size for step in image.steps)
    base = (below - total) / 1e6
    layers = [step for step in own if step.size]
    message = f"{total / 1e6:.1f} MB on top of the base's {base:.1f} MB, in {len(layers)} layers"
    details = tuple(_line(step, caches) for step in layers if step.size >= SHOWN)
    if limit is not None and total / 1e6 > limit:
        fix = "Make the largest of these layers smaller, or raise --max-added."
        yield Finding(
            PROBLEM, "size", f"{message}; the limit is {limit:g} MB.", fix, details=details
        )
    else:
        yield Finding(OK, "size", message, "", details=details)


def _line(step: Step, caches: dict[str, int]) -> str:
    text = step.readable
    shown = text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
    return f"{step.size / 1e6:8.1f} MB  {shown}{_hint(step, caches)}"


def _hint(step: Step, caches: dict[str, int]) -> str:
    for command, folders in CACHES.items():
        size = sum(caches.get(folder, 0) for folder in folders)
        if command in step.instruction and size > SHOWN and size <= step.size:
            return f"  <- {size / 1e6:.1f} MB of it is a cache"
    return ""


def newest_base(image: Image, base: Image) -> Finding:
    """Whether the image is built on exactly this base: its layers begin with the base's."""
    if image.layers[: len(base.layers)] == base.layers:
        return Finding(OK, "base", f"built on the image {base.name} that is on this machine")
    return Finding(
        PROBLEM,
        "base",
        f"not built on the image {base.name} that is on this machine, which was built or pulled "
        "later.",
        "Build your image again: docker build --pull",
    )
