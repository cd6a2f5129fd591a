"""A running project by its URL, and its users. The check changes nothing there."""

from __future__ import annotations

import base64
import http.client
import os
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from backend.conf.findings import Finding
from backend.kit.contract.live.client import Request, Site, User
from backend.kit.contract.live.document import Document
from backend.kit.contract.live.verdict import Tally, results
from backend.kit.contract.live.visit import Explain, Visit
from backend.kit.contract.report import Impossible

PASSWORD, TOKEN = "CHECK_PASSWORD", "CHECK_TOKEN"
ANONYMOUS = User("anonymous")


def look(url: str, login: str | None) -> list[Finding]:
    """Check everything that HTTP shows. Raises Impossible if the site does not answer."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise Impossible(
            f"'{url}' is not a URL.", "Use a complete URL: --live https://api.example.org"
        )
    site = Site(url)
    document = of(site)
    return visited(site, list(users(site, login)), document)


def of(site: Site) -> Document | None:
    """The project's document, or None if it does not publish one."""
    answer = site.ask(Request(f"{site.prefix}/swagger.json"), ANONYMOUS)
    if not answer.status:
        raise Impossible(
            f"{site.scheme}://{site.address} does not answer: {answer.error}.",
            "Start the project. From a container, add --network host, or use the name of its "
            "service: docker compose run --rm api check --live http://api:8000",
        )
    if answer.status == 200 and not answer.is_whole:
        problem = f"{site.prefix}/swagger.json is incomplete"
        raise Impossible(
            f"{problem}: {answer.error}." if answer.error else f"{problem}.",
            "Try again over a faster connection to the server. A document larger than 4 MB cannot "
            "be checked.",
        )
    return Document(answer.json()) if answer.status == 200 else None


def visited(
    site: Site,
    users: list[User],
    document: Document | None,
    pages: tuple[str, ...] = (),
    explain: Explain = lambda mark: "",
) -> list[Finding]:
    """The results of all users. The last one sees the most, so it goes first and finds the rows."""
    rows: dict[str, dict[str, Any]] = {}
    tallies: dict[str, Tally] = {}
    for user in reversed(users):
        visit = Visit(site, user, document, rows, explain)
        # The first user sees the least, and the last one the most.
        tallies[user.name] = visit.everything(pages, in_full=user in (users[0], users[-1]))
    return results(site, [tallies[user.name] for user in users])


def users(site: Site, login: str | None) -> Iterator[User]:
    """Anonymous, and the users whose credentials are in the environment."""
    yield ANONYMOUS
    if token := os.environ.get(TOKEN):
        yield bearer("token", token)
    if not login:
        return
    password = os.environ.get(PASSWORD, "")
    if not password:
        raise Impossible(
            f"There is no password for {login}.", f"Set the variable {PASSWORD} to it."
        )
    yield basic("basic", login, password)
    yield session("session", _log_in(site, login, password))


def bearer(name: str, token: str) -> User:
    return User(name, {"Authorization": f"Token {token}"}, '--header "Authorization: Token $TOKEN"')


def basic(name: str, login: str, password: str) -> User:
    pair = base64.b64encode(f"{login}:{password}".encode()).decode()
    return User(name, {"Authorization": f"Basic {pair}"}, f'--user "{login}:$PASSWORD"')


def session(name: str, cookie: str) -> User:
    key = cookie.partition("=")[0]
    return User(name, {"Cookie": cookie}, f'--cookie "{key}=$SESSION"')


def _log_in(site: Site, login: str, password: str) -> str:
    """The session's cookie. This is the only POST of the whole check."""
    path = f"{site.prefix}/admin/login/"
    form = site.ask(Request(path), ANONYMOUS)
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', form.body)
    cookies = SimpleCookie(form.headers.get("set-cookie", ""))
    if form.status != 200 or token is None:
        raise Impossible(f"{path} does not have a login form.", "Leave out --user.")
    body = urlencode(
        {"username": login, "password": password, "csrfmiddlewaretoken": token[1].decode()}
    )
    sent = "; ".join(f"{name}={each.value}" for name, each in cookies.items())
    headers = {
        **site.headers,
        "Cookie": sent,
        "Referer": f"{site.scheme}://{site.address}{path}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    kind = http.client.HTTPSConnection if site.scheme == "https" else http.client.HTTPConnection
    connection = kind(site.address, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        given = SimpleCookie()
        for each in response.msg.get_all("Set-Cookie", []):
            given.load(each)
    finally:
        connection.close()
    sessions = [f"{name}={each.value}" for name, each in given.items() if "session" in name.lower()]
    if not sessions:
        raise Impossible(
            f"{login} cannot log in at {path}.", "Use the name and password of a staff user."
        )
    return sessions[0]
