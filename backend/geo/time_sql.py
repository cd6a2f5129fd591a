"""SQL that writes dates, times, and durations as Python and REST framework do."""

from __future__ import annotations

import contextlib
import datetime
import zoneinfo
from dataclasses import dataclass

# What psycopg turns infinity into: the last and the first value of Python.
LAST_DAY, FIRST_DAY = "9999-12-31", "0001-01-01"
LAST, FIRST = f"{LAST_DAY}T23:59:59.999999", f"{FIRST_DAY}T00:00:00"


class UnknownZoneError(ValueError):
    """PostgreSQL has no way to express this time zone."""


@dataclass(frozen=True)
class Moment:
    """``text`` in ISO 8601, and ``moment``, the timestamp with time zone. None without a zone.

    ``moment`` is NULL in years that readers do not support, because GDAL refuses such a file.
    """

    text: str
    moment: str | None


def aware(ref: str, zone: datetime.tzinfo | None) -> Moment:
    """A timestamp with time zone, shown in ``zone``. It has no offset if ``zone`` is None.

    Raises UnknownZoneError.
    """
    offset: str | None
    if zone is None:
        local, offset = f"{ref}::timestamp", "''"
    else:
        local, offset = f"({ref} AT TIME ZONE {_in_sql(zone)})", _constant_offset(zone)
    if offset is None:
        offset = _offset(f"({local} - ({ref} AT TIME ZONE 'UTC'))")
    text = _in_years(ref, _isoformat(ref, local, offset), _end(LAST, zone), _end(FIRST, zone))
    return Moment(text, _readable(ref) if zone else None)


def without_zone(ref: str, zone: datetime.tzinfo | None) -> Moment:
    """A timestamp without time zone, which is one of ``zone``, if any. Raises UnknownZoneError."""
    if zone is None:
        return Moment(_in_years(ref, _isoformat(ref, ref, "''"), LAST, FIRST), None)
    name, offset = _in_sql(zone), _constant_offset(zone)
    ends = f"WHEN 'infinity' THEN timestamp '{LAST}' WHEN '-infinity' THEN timestamp '{FIRST}'"
    ref = f"(CASE {ref} {ends} ELSE {ref} END)"  # infinity has a local time in Python
    moment = f"({ref} AT TIME ZONE {name})"
    if offset is None:
        # Of an hour that occurs twice, at the end of summer time, Python uses the first, and
        # PostgreSQL the second. The first has the offset of the day before, if that leads back.
        day_before = f"({moment} - interval '1 day')"
        before = f"(({day_before} AT TIME ZONE {name}) - ({day_before} AT TIME ZONE 'UTC'))"
        first = f"(({ref} - {before}) AT TIME ZONE 'UTC')"
        moment = f"(CASE WHEN {first} AT TIME ZONE {name} = {ref} THEN {first} ELSE {moment} END)"
        offset = _offset(f"({ref} - ({moment} AT TIME ZONE 'UTC'))")
    text = _isoformat(ref, ref, offset)
    return Moment(_in_years(ref, text, LAST, FIRST), _readable(moment))


def either(ref: str, zone: datetime.tzinfo | None, of_local: datetime.tzinfo | None) -> Moment:
    """``aware`` or ``without_zone``, depending on the value. Raises UnknownZoneError."""
    with_zone = aware(f"{ref}::timestamptz", zone)
    without = without_zone(f"{ref}::timestamp", of_local)
    is_aware = f"pg_typeof({ref}) = 'timestamptz'::regtype"
    text = f"CASE WHEN {is_aware} THEN {with_zone.text} ELSE {without.text} END"
    if not (with_zone.moment and without.moment):
        return Moment(text, None)
    moment = f"CASE WHEN {is_aware} THEN {with_zone.moment} ELSE {without.moment} END"
    return Moment(text, moment)


def moved(moment: str, zone: datetime.tzinfo | None) -> Moment:
    """``aware`` for a long expression, which is computed only once. Raises UnknownZoneError."""
    shown = aware("moment", zone)
    once = f"FROM (SELECT {moment} AS moment OFFSET 0) once"
    return Moment(
        f"(SELECT {shown.text} {once})",
        shown.moment and f"(SELECT {shown.moment} {once})",
    )


def date(ref: str) -> str:
    return _in_years(ref, f"{ref}::text", LAST_DAY, FIRST_DAY)


def time(ref: str) -> str:
    return _to_microseconds(ref, f"{ref}::text", f"to_char({ref}, 'HH24:MI:SS.US')")


def duration(ref: str) -> str:
    """Django's ``duration_string`` of psycopg's value: years of 365 days, months of 30."""
    days = f"extract(year FROM {ref}) * 365 + extract(month FROM {ref}) * 30"
    days = f"({days} + extract(day FROM {ref}))"
    rest = f"extract(hour FROM {ref}) * 3600 + extract(minute FROM {ref}) * 60"
    seconds = f"{days} * 86400 + {rest} + extract(second FROM {ref})"
    clock = "make_interval(secs => (seconds - floor(seconds / 86400) * 86400)::float8)"
    pattern = "CASE WHEN seconds %% 1 = 0 THEN 'HH24:MI:SS' ELSE 'HH24:MI:SS.US' END"
    day = "CASE WHEN floor(seconds / 86400) <> 0 THEN floor(seconds / 86400) || ' ' ELSE '' END"
    return f"(SELECT {day} || to_char({clock}, {pattern}) FROM (SELECT {seconds} AS seconds) whole)"  # noqa: S608


def _in_years(ref: str, text: str, last: str, first: str) -> str:
    """``text`` for the years 1 to 9999. Python has no others, so PostgreSQL writes them."""
    ends = f"WHEN 'infinity' THEN '{last}' WHEN '-infinity' THEN '{first}' ELSE {ref}::text END"
    return (
        f"CASE WHEN {ref} >= '0001-01-01' AND {ref} < '10000-01-01' THEN {text} "
        f"WHEN {ref} IS NOT NULL THEN CASE {ref} {ends} END"
    )


def _end(text: str, zone: datetime.tzinfo | None) -> str:
    """The last or the first moment of Python, as it is shown in ``zone``."""
    if zone is None:
        return text
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    # East of UTC, the last one has no local time, and west of it, the first.
    with contextlib.suppress(OverflowError):
        moment = moment.astimezone(zone)
    return moment.isoformat().replace("+00:00", "Z")


def _readable(ref: str) -> str:
    return (
        f"CASE WHEN {ref} >= '0001-01-01' AND {ref} < '10000-01-01' THEN {ref} "
        f"WHEN {ref} = 'infinity' THEN '{LAST}Z' WHEN {ref} = '-infinity' THEN '{FIRST}Z' END"
    )


def _in_sql(zone: datetime.tzinfo) -> str:
    """A zone for AT TIME ZONE. Raises UnknownZoneError."""
    if zone is datetime.UTC or str(zone) == "UTC":
        return "'UTC'"
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return "'" + zone.key.replace("'", "''").replace("%", "%%") + "'"
    fixed = zone.utcoffset(None)
    if fixed is None:
        raise UnknownZoneError(f"PostgreSQL does not know the time zone {zone}")
    return f"interval '{fixed.total_seconds():f} seconds'"


def _constant_offset(zone: datetime.tzinfo) -> str | None:
    """As SQL text. None if it changes over the year, or did over the years."""
    if zone is datetime.UTC or str(zone) == "UTC":
        return "'Z'"
    fixed = zone.utcoffset(None)
    if fixed is None:
        return None
    if not fixed:
        return "'Z'"
    shown = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone(fixed)).isoformat()
    return f"'{shown.removeprefix('2000-01-01T00:00:00')}'"


def _isoformat(ref: str, local: str, offset: str) -> str:
    whole = f"replace({local}::text, ' ', 'T')"
    exact = f"to_char({local}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    return f"({_to_microseconds(ref, whole, exact)} || {offset})"


def _offset(interval: str) -> str:
    seconds = f"extract(epoch FROM {interval})"
    size = f"make_interval(secs => abs({seconds}))"
    pattern = f"CASE WHEN {seconds} %% 60 = 0 THEN 'HH24:MI' ELSE 'HH24:MI:SS' END"
    sign = f"CASE WHEN {seconds} < 0 THEN '-' ELSE '+' END"
    return f"CASE WHEN {seconds} = 0 THEN 'Z' ELSE {sign} || to_char({size}, {pattern}) END"


def _to_microseconds(ref: str, whole: str, exact: str) -> str:
    """Python writes six digits of a second, or none. to_char is slower than the cast to text."""
    return f"CASE WHEN date_trunc('second', {ref}) = {ref} THEN {whole} ELSE {exact} END"
