"""Requests to the project. Responses are recorded as JSON, so that two runs can be compared."""

import gzip
import re

answers = {}
# These depend on the time, or are random.
CHANGING = ("Age", "Content-Length", "Date", "Expires", "Retry-After", "Server")
MASKED = [
    (r'(name="csrfmiddlewaretoken" value=")\w+', r"\1TOKEN"),
    (r'(csrfToken"?: ")\w+', r"\1TOKEN"),
    (r"(?<=/reset/)\w+/[\w-]+", "TOKEN"),
    (r"available in \d+ second", "available in SECONDS second"),
    (r"\b[0-9a-f]{40}\b", "KEY"),
    (r"(<strong>(?:salt|hash)</strong>: <bdi>)[^<]+", r"\1MASKED"),
    (r"boundary=\S+|--BoUnDaRy\w+", "BOUNDARY"),
]


def masked(text):
    for pattern, instead in MASKED:
        text = re.sub(pattern, instead, text)
    return text


def note(name, answer):
    name = " ".join(name.split())
    while name in answers:
        name += " again"
    answers[name] = answer


def note_response(name, status, headers, body, cookies=None):
    """``cookies`` is a SimpleCookie. Its values are random, so only the rest is compared."""
    shown = {key: value for key, value in headers.items() if key not in CHANGING}
    shown.pop("Set-Cookie", None)
    if shown.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)  # Django adds random padding
    kept = {
        key: {name: value for name, value in each.items() if value and name != "expires"}
        for key, each in (cookies or {}).items()
    }
    note(name, [status, shown, masked(body.decode(errors="replace")), kept])


def note_django(name, response):
    body = b"".join(response.streaming_content) if response.streaming else response.content
    note_response(name, response.status_code, response.headers, body, response.cookies)
