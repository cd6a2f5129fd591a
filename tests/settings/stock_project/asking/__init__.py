"""What is asked of the project, and how an answer is written down: as JSON that can be compared."""

import gzip
import re

answers = {}
# Of a moment, or of chance.
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
    """``cookies`` is a SimpleCookie: names and attributes are compared, values are of chance."""
    shown = {key: value for key, value in headers.items() if key not in CHANGING}
    shown.pop("Set-Cookie", None)
    if shown.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)  # Django pads it at random
    kept = {
        key: {name: value for name, value in each.items() if value and name != "expires"}
        for key, each in (cookies or {}).items()
    }
    note(name, [status, shown, masked(body.decode(errors="replace")), kept])


def note_django(name, response):
    body = b"".join(response.streaming_content) if response.streaming else response.content
    note_response(name, response.status_code, response.headers, body, response.cookies)
