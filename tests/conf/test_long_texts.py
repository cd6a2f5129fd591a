"""The time and memory for a client's text grow no faster than its length."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable

import pytest

from backend.conf.masking import Masker
from backend.conf.secret_vocabulary import is_secret, mask, mask_literals, values
from backend.logs.masking import client_address, mask_query, mask_uris
from backend.pages import tracebacks

# The beginnings, middles, and ends of what the patterns match.
TOKENS = [*"xA1_-.:/?&=@#%+\\\"'[({ \té", "a.", "a-", "aA", "://", "a://", "https://", "u:p@"]
TOKENS += "-----BEGIN -----END ----- eyJ -eyJ eyJhbGciOiJI. SG. sk_live_ AKIA".split()
TOKENS += "https://hooks.slack.com/ .webhook.office.com/webhookb2 xoxb- %40 %3A%2F%2F 1.".split()
TOKENS += """token= token=" token=' "token": 'kty': &token= code= password[ SECRET_KEY""".split()
TOKENS += ["-----BEGIN PRIVATE KEY", "token = bearer ", "password: \\", "\\\n", "[::1]:"]

Blocks = list[tuple[str, bool]]  # a token, and whether it is repeated


def written(blocks: Blocks, size: int) -> str:
    share = size // max(1, sum(repeated for _, repeated in blocks))
    return "".join(token * (share // len(token)) if again else token for token, again in blocks)


def every_kind() -> list[Blocks]:
    chosen = random.Random(7)  # noqa: S311  no secret
    kinds: list[Blocks] = [[(token, True)] for token in TOKENS]
    # An @ before a URL that is not one, and beginnings of tokens without an end.
    kinds += [[("b=@", False), ("a.", True), ("://", False), ("b", True)]]
    kinds += [[("@ ", False), ("a://", True)], [("token=", False), ("-eyJ", True), ("@", False)]]
    for _ in range(200):
        count = chosen.randint(2, 5)
        kinds.append([(chosen.choice(TOKENS), chosen.random() < 0.5) for _ in range(count)])
        kinds[-1][chosen.randrange(count)] = (chosen.choice(TOKENS), True)
    return kinds


def seconds(read: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    read(text)
    return time.process_time() - start


def grows(read: Callable[[str], object], blocks: Blocks) -> bool:
    """Whether a text four times as long takes over eight times the CPU time, in each attempt."""
    for size in (500, 2000):  # up to the longest line of a request
        short, long = written(blocks, size), written(blocks, 4 * size)
        if all(seconds(read, long) > 8 * seconds(read, short) for _ in range(4)):
            return True
    return False


READERS: dict[str, Callable[[str], object]] = {
    "text": lambda text: mask(text, "***"),
    "code": lambda text: mask_literals(text, "***"),
    "passwords": lambda text: list(values(text)),
    "query": lambda text: mask_query(f"q={text}"),
    "garbage": mask_uris,
    "name": is_secret,
    "address": lambda text: client_address(text, "full"),
}


@pytest.mark.parametrize("reader", READERS)
def test_search_for_secrets_takes_time_in_proportion_to_the_text(reader: str) -> None:
    growing = (blocks for blocks in every_kind() if grows(READERS[reader], blocks))
    assert next(growing, None) is None


@pytest.mark.parametrize("reader", ["name", "address"])
def test_caches_do_not_keep_long_texts_of_clients(reader: str) -> None:
    texts = [f"{number}{'x' * 7900}" for number in range(300)]
    tracemalloc.start()
    try:
        for text in texts:
            READERS[reader](f"{text}x")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < sum(map(len, texts)) / 10


def test_an_error_page_looks_through_the_beginning_of_a_body() -> None:
    for body in ("x" * 1_000_000, b"x" * 1_000_000):
        shown = tracebacks._masked(Masker(), "", {"body": [body]})["body"][0]
        assert shown == "x" * tracebacks.LONGEST
