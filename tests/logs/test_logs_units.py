"""What a log line contains of a request, and that nobody can forge a line."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from decimal import Decimal
from types import SimpleNamespace

import pytest

from backend.logs import boot, console, formatters, request_id
from backend.logs.console import JSONLines
from backend.logs.formatters import JSONFormatter, TextFormatter, combined, rfc3339
from backend.logs.masking import client_address, mask_query, mask_uri

FIELDS = {
    "method": "GET",
    "path": "/stops/",
    "query": "",
    "protocol": "HTTP/1.1",
    "status": 200,
    "bytes": 12,
    "duration": 0.0125,
    "address": "203.0.113.0",
}


def record(message: str, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "transit", "levelname": "WARNING", "msg": message, "created": 0.9996, **fields}
    )


# ---------------------------------------------------------------------------
# The ID of a request


@pytest.mark.parametrize(
    "given",
    [
        "7",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "Root=1-67891233-abcdef012345678912345678",
        "a" * 128,
    ],
)
def test_an_id_that_is_safe_is_kept(given: str) -> None:
    assert request_id.accept(given) == given


@pytest.mark.parametrize(
    "given",
    [None, "", "a" * 129, "a b", "a\nb", "a\n", "\x1b[31m", 'a"b', "a,b", "a;b", "é", "<a>", "٣"],
)
def test_an_id_that_is_missing_or_unsafe_is_replaced_by_a_new_one(given: str | None) -> None:
    made = [request_id.accept(given) for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(one) == 32 and int(one, 16) for one in made)


def test_the_answer_has_one_id_and_the_application_sees_the_same() -> None:
    seen = {}

    def application(environ, start_response):
        seen.update(environ, current=request_id.current())
        start_response("200 OK", [("x-request-id", "another"), ("Age", "1")])
        return [b"body"]

    answered = []
    layer = request_id.RequestIdApplication(application)
    body = layer({"HTTP_X_REQUEST_ID": "mine"}, lambda *arguments: answered.extend(arguments))
    assert body == [b"body"]
    assert answered == ["200 OK", [("Age", "1"), ("X-Request-ID", "mine")]]
    assert seen["HTTP_X_REQUEST_ID"] == seen["current"] == "mine"


def test_any_format_may_name_the_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before = logging.getLogRecordFactory()
    request_id.tag_records()
    try:
        written = io.StringIO()
        handler = logging.StreamHandler(written)
        handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
        handler.handle(logging.getLogRecordFactory()("a", 30, "", 0, "said", None, None))
        assert written.getvalue() == f"{request_id.current() or '-'} said\n"
    finally:
        logging.setLogRecordFactory(before)


# ---------------------------------------------------------------------------
# What is left out


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("", ""),
        ("limit=10&name=Hawthorne", "limit=10&name=Hawthorne"),
        ("token=hush", "token=***"),
        ("a=1&access_token=hush&b=2", "a=1&access_token=***&b=2"),
        ("API_KEY=hush", "API_KEY=***"),
        ("apikey=hush&key=hush&X-Amz-Signature=hush", "apikey=***&key=***&X-Amz-Signature=***"),
        ("user[password]=hush", "user[password]=***"),
        ("t%6Fken=hush", "t%6Fken=***"),
        ("client_secret=hu=sh", "client_secret=***"),
        ("code=hush&postal_code=97214&keyword=tree", "code=***&postal_code=97214&keyword=tree"),
        ("author=Ada&design=new", "author=Ada&design=new"),
        ("token=&token", "token=&token"),
    ],
)
def test_secret_parameters_are_masked_and_others_are_not(query: str, masked: str) -> None:
    assert mask_query(query) == masked
    assert mask_uri(f"/token=kept/?{query}") == f"/token=kept/?{masked}"


@pytest.mark.parametrize(
    ("address", "truncated", "full"),
    [
        ("203.0.113.77", "203.0.113.0", "203.0.113.77"),
        ("203.0.113.77:4711", "203.0.113.0", "203.0.113.77"),
        ("::ffff:203.0.113.77", "203.0.113.0", "203.0.113.77"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1:2:3:4:5:6"),
        ("[2001:db8::6]:4711", "2001:db8::", "2001:db8::6"),
        ("", None, None),
        ("unknown", None, None),
        ("1.2.3.4\nboot: forged", None, None),
    ],
)
def test_a_client_address_is_truncated_by_default(
    address: str, truncated: str | None, full: str | None
) -> None:
    assert client_address(address, "truncated") == truncated
    assert client_address(address, "full") == full
    assert client_address(address, "none") is None


# ---------------------------------------------------------------------------
# One event, one line


FORGED = "Not Found: /a\nboot: forged\r\n\x1b[2Kgone\x85\u2028boot: too"


def test_text_has_no_second_line_at_the_margin_and_nothing_for_a_terminal() -> None:
    text = TextFormatter().format(record(FORGED, request_id="mine"))
    lines = text.split("\n")
    assert lines[0] == "1970-01-01T00:00:00.999Z WARNING transit [mine]: Not Found: /a"
    assert lines[1:] == [
        "    boot: forged\\r",
        "    \\x1b[2Kgone\\x85\\u2028boot: too",
    ]


def test_text_indents_a_traceback_below_its_line() -> None:
    try:
        raise ValueError("first\nboot: forged")
    except ValueError:
        text = TextFormatter().format(record("failed", exc_info=sys.exc_info()))
    head, *rest = text.split("\n")
    assert head == "1970-01-01T00:00:00.999Z WARNING transit: failed"
    assert "    boot: forged" in rest
    assert all(line.startswith("    ") for line in rest)


def test_json_is_one_line_with_the_fields_that_were_given() -> None:
    extra = {"trip": 7, "api_key": "hush", "place": object, "request": "?token=hush"}
    text = JSONFormatter().format(record(FORGED, request_id="-", **extra))
    assert text.isascii()
    assert len(text.splitlines()) == 1
    document = json.loads(text)
    assert document["message"] == FORGED
    assert document["time"] == "1970-01-01T00:00:00.999Z"
    assert (document["request_id"], document["trip"], document["api_key"]) == (None, 7, "***")
    assert "hush" not in text


def circular() -> dict[str, object]:
    made: dict[str, object] = {"trip": 7}
    made["self"] = made
    return made


class Speechless:
    def __str__(self) -> str:
        raise ValueError("hush")


def refuse_constants(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (float("nan"), "nan"),
        ([1.5, float("-inf"), Decimal("NaN")], [1.5, "-inf", "NaN"]),
        ({"n": 10**5000}, {"n": hex(10**5000)}),
        (circular(), {"trip": 7, "self": "<dict: circular>"}),
        (Speechless(), f"<{__name__}.Speechless: ValueError when shown>"),
        ({(1, 2): 3, None: True}, {"(1, 2)": 3, "None": True}),
        (
            {"form": [{"password": "hush"}, {"user": "ada"}]},
            {"form": [{"password": "***"}, {"user": "ada"}]},
        ),
        ({"kty": "oct", "k": "hush", "kid": "1"}, {"kty": "oct", "k": "***", "kid": "1"}),
        ("postgis://ada:hush@db/census", "postgis://ada:***@db/census"),
        (SimpleNamespace(pw="hush", trip=7), "namespace(pw=***, trip=7)"),
    ],
)
def test_json_keeps_any_extra_and_masks_it_in_depth(given: object, kept: object) -> None:
    text = JSONFormatter().format(record("said", place=given))
    assert json.loads(text, parse_constant=refuse_constants)["place"] == kept
    assert "hush" not in text


def test_json_of_endless_nesting_is_cut() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    text = JSONFormatter().format(record("said", deep=deep))
    assert "<list: too deep>" in text
    json.loads(text)


def test_json_has_a_traceback_in_one_event() -> None:
    try:
        raise json.JSONDecodeError("first\nsecond", "", 0)
    except ValueError:
        text = JSONFormatter().format(record("failed", exc_info=sys.exc_info()))
    exception = json.loads(text)["exception"]
    assert exception["type"] == "json.decoder.JSONDecodeError"
    assert exception["message"].startswith("first\nsecond")
    assert exception["traceback"].startswith("Traceback (most recent call last):\n")


def test_an_access_line_keeps_the_shape_of_the_combined_format() -> None:
    path = '/a" 200 1\n\x1b[31m\\'
    line = combined({**FIELDS, "path": path, "query": "q=1"}, "mine")
    start, end = line.split("] ", 1)
    assert start.startswith("203.0.113.0 - - [")
    assert end == r'"GET /a\" 200 1\n\x1b[31m\\?q=1 HTTP/1.1" 200 12 "-" "-" 0.013 mine'
    assert combined({**FIELDS, "address": None}, None).startswith("- - - [")


def test_time_never_rounds_up_to_a_thousand_milliseconds() -> None:
    assert rfc3339(1_000_000_000.9999) == "2001-09-09T01:46:40.999Z"


def test_printed_lines_become_objects_and_objects_stay_as_they_are() -> None:
    plain = io.StringIO()
    stream = JSONLines(plain, "stdout", logging.INFO)
    print("Applying 0001...", end="", file=stream, flush=True)
    assert plain.getvalue() == ""

    # Another thread prints in the middle of that line.
    thread = threading.Thread(target=lambda: print('{"theirs": 1}', file=stream))
    thread.start()
    thread.join()
    print(" OK\n\n{no object", file=stream)
    kept, converted, broken = map(json.loads, plain.getvalue().splitlines())
    assert kept == {"theirs": 1}
    assert (converted["logger"], converted["message"]) == ("stdout", "Applying 0001... OK")
    assert broken["message"] == "{no object"


@pytest.mark.parametrize(
    ("is_json", "line"),
    [
        (False, "boot: WARNING: none is kept\n"),
        (True, '"level": "WARNING", "logger": "boot", "message": "none is kept"'),
    ],
)
def test_a_warning_of_the_boot_has_its_level_and_its_message(
    is_json: bool, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(formatters, "is_json", lambda: is_json)
    # The handler is cached, and keeps the format that it was created with.
    monkeypatch.setattr(console, "handler", console.handler.__wrapped__)
    boot.warn("none is kept")
    assert line in "".join(capsys.readouterr())
