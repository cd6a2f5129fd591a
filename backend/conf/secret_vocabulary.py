"""The names and the forms of secrets, in one place.

Logs, ``manage.py config``, ``doctor``, error pages, and the checks of images use it. When in doubt,
a name counts as secret. It needs only the standard library of Python 3.9, like
``backend.kit.contract.outside``.

Clients choose the texts that are searched, so each text is scanned only a few times: no pattern
starts again inside text that an earlier start of it has scanned.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

# A name with one of these anywhere is secret, separated or not: X-CSRFToken, dbPasswordOld.
PARTS = re.compile(
    r"token|secret|passw|passphrase|passcode|pwd|signature|credential|jwt|jwk|hmac|bearer|webhook"
    r"|hookurl|verifier|assertion|sessid|sessionid|sessionkey|samlresponse|basicauth"
    r"|(?:api|access|private|auth|signing|master|account|encryption|license)key"
    r"|(?:db|pg|my|user|smtp|mail|ssh|root|ftp|ldap|redis|admin)pass(?![a-z])"
    r"|(?:auth|authorization|access|reset|verification|activation|confirmation|recovery|security"
    r"|backup|login|invite|invitation|sms|mfa|otp|pin)codes?(?![a-z])"
)
# The same, for words that other words begin or end with: salt and basalt.
WORDS = frozenset("pw pass otp totp salt pepper nonce invite invitation hmac".split())
# Secret only as the last word. Before another word, they describe it: API_KEY is a secret, but
# KEY_FUNCTION is not; SESSION is, but SESSION_ENGINE is not.
LAST = frozenset(
    "key cookie authorization csrf xsrf sig sas pem hook api auth oauth session pin private "
    "ticket".split()
)
# Secret as a whole name: OAuth's code and state are, postal_code is not.
ALONE = frozenset("code state refresh".split())
# A name with one of these describes a secret, but does not contain it.
ABOUT = frozenset(
    "store file files path paths dir folder sock validators hashers backend backends class classes "
    "model name names age timeout seconds minutes hours days ttl expiry expires expire expiration "
    "lifetime length algorithm algorithms type domain samesite secure httponly port ports host "
    "hosts enabled disabled required count limit prefix field fields policy".split()
)
# These can follow without changing the meaning: API_KEY_OLD, password_confirm, TOKEN2.
SUFFIXES = frozenset(
    "old new current previous next fallback fallbacks confirm confirmation repeat again value raw "
    "hash b64 base64 hex header live test prod production staging dev development".split()
)
FOLDERS = ("PWD", "OLDPWD")  # variables of shells
# In prose, these are not names: "Transit API: stops".
PROSE = frozenset(
    "api auth oauth session pin private ticket hook invite invitation pass pepper salt".split()
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

MASK = "***"
# Values that are recognizable as secrets, whatever their names.
PRIVATE_KEY = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
FORMS = re.compile(
    rf"{PRIVATE_KEY}.*?(?:-----END [A-Z0-9 ]*-----|\Z)"
    # A JSON Web Token: its first part is base64 of '{"'. Includes the word that it ends, which is
    # scanned only once (a lookahead does not backtrack).
    r"|(?<![\w-])(?=(?P<before>(?:[\w-]*?\b)?)eyJ)(?P=before)eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+){0,3}"
    # URLs that suffice to post messages.
    r"|\bhttps?://(?:hooks\.slack\.com/\w+|(?:\w+\.)?discord(?:app)?\.com/api/webhooks"
    r"|[\w-]+\.webhook\.office\.com/webhookb2)/[^\s\"'<>]+"
    # Keys with a prefix, which their issuers add for such filters: Stripe, Slack, GitHub, GitLab,
    # AWS, Google, SendGrid, npm, PyPI, DigitalOcean, Hugging Face, Shopify, OpenAI, age.
    r"|\b(?:(?:sk|rk)_(?:live|test)_\w{4,}|whsec_[\w+/=-]{8,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}"
    r"|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|A[KS]IA[0-9A-Z]{16}\b"
    r"|AIza[\w-]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{32,}|dop_v1_\w{32,}"
    r"|hf_[A-Za-z]{30,}|shp(?:at|ss|pa)_\w{16,}|sk-[\w-]{20,}|AGE-SECRET-KEY-1\w{16,})",
    re.DOTALL,
)
# Where user:password@ and token@ of a URL begin.
LOGIN = re.compile(r"[\w+.-]://(?P<user>[^\s:/?#@]*)(?P<colon>:?)")
UNBROKEN = re.compile(r"\S+")
# The members of a JSON Web Key that are its secret part (RFC 7518, section 6).
JWK_MEMBERS = frozenset("k d p q dp dq qi oth".split())
JWK = re.compile(r"""["']kty["']\s*:""")

# A name and its separator from the value: password=..., "token": ... It starts at the beginning of
# a word, and scans only once (a lookahead does not backtrack), because a text can be long.
NAME = re.compile(
    r"""(?:(?P<quote>["'])|(?<![\w.\[\]-]))(?=(?P<name>[\w.\[\]-]+))(?P=name)"""
    r"""(?(quote)(?P=quote))\s*(?P<sign>[=:])\s*"""
)
QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
VALUE = re.compile(
    rf"""(?:(?:bearer|basic|token|digest|negotiate)\s+)?(?P<value>{QUOTED}|[^\s&;,"'\])}}]+)""",
    re.IGNORECASE,
)
STRING = re.compile(QUOTED)
# NAME=value as the whole text, where the value may have spaces: gunicorn's raw_env.
ASSIGNMENT = re.compile(r"\A(\w+)=.+", re.DOTALL)
LONGEST = 64  # characters of a name that is cached


def is_secret(name: str) -> bool:
    """Whether a setting, a variable, a parameter, or a field with this name is a secret."""
    # Clients invent names, and a cache of long ones would exceed the memory of a worker.
    return _is_secret(name) if len(name) <= LONGEST else _is_secret.__wrapped__(name)


@functools.lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    if name in FOLDERS:
        return False
    words = [word.lower() for word in WORD.findall(name)]
    while len(words) > 1 and words[-1] in SUFFIXES:
        words.pop()
    if not words or words[-1] in ABOUT:
        return False
    if PARTS.search("".join(words)) or any(_is_in(WORDS, word) for word in words):
        return True
    return _is_in(LAST, words[-1]) or (len(words) == 1 and words[0] in ALONE)


def _is_in(words: frozenset[str], word: str) -> bool:
    return word in words or word.removesuffix("s") in words


def secret_members(value: dict[Any, Any]) -> set[Any]:
    """The keys of the secrets in a dictionary; for a JSON Web Key, of its secret part."""
    key = JWK_MEMBERS if "kty" in value else frozenset()
    return {name for name in value if name in key or is_secret(str(name))}


def mask(text: str, by: str) -> str:
    """``text`` with ``by`` in place of what a name, a URL, or its own form marks as secret."""
    if (match := ASSIGNMENT.match(text)) and match[1] not in ALONE and is_secret(match[1]):
        return f"{match[1]}={by}"
    text = mask_forms(text, by)
    return _without(text, _places(text, VALUE), by)


def mask_forms(text: str, by: str) -> str:
    """The same, but ignores names."""
    text = FORMS.sub(by, text)
    return _without(text, _logins(text), by)


def mask_literals(line: str, by: str) -> str:
    """A masked line of code, in which ``token = ask()`` is not a secret."""
    line = mask_forms(line, by)
    return _without(line, _places(line, STRING), by)


def values(text: str) -> Iterator[str]:
    """The passwords in ``text``: in URLs, and after names."""
    for start, end in _logins(text):
        yield text[start:end]
    for start, end in _places(text, VALUE):
        yield text[start:end].strip("'\"")


def _without(text: str, places: Iterable[tuple[int, int]], by: str) -> str:
    parts, last = [], 0
    for start, end in places:
        parts += [text[last:start], by]
        last = end
    return "".join(parts) + text[last:]


def _logins(text: str) -> Iterator[tuple[int, int]]:
    """Where the passwords of URLs begin and end: at the last @, as passwords can contain one."""
    if "@" not in text:
        return
    for word in UNBROKEN.finditer(text):
        end = max(text.rfind("@", *word.span()), word.start())
        # Without a password, the user is the secret, like the key in Sentry's DSN. If the text
        # before the @ is not a plain username, the start of the password is unknown.
        if match := LOGIN.search(text, word.start(), end):
            start = match.end() if match["colon"] else match.start("user")
            if match["colon"] or start < end:
                yield start, end


def _places(text: str, value: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where the values of secret names begin and end, including a scheme before them."""
    is_key = JWK.search(text) is not None
    last = 0
    for name in NAME.finditer(text):
        if name.start() < last or not _is_secret_within(name, is_key):
            continue
        if match := value.match(text, name.end()):
            last = match.end()
            yield name.end(), last


def _is_secret_within(match: re.Match[str], is_key: bool) -> bool:
    name = match["name"]
    if is_key and match["quote"] and name in JWK_MEMBERS:
        return True
    if name.lower() in ALONE:  # in a query; elsewhere, as in ErrorDetail(code='invalid'), a word
        return match.string[match.start() - 1 : match.start()] in ("?", "&")
    if match["sign"] == ":" and not match["quote"] and name.lower() in PROSE:
        return False
    return is_secret(name)
