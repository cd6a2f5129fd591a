"""Several databases, chosen by the ``Meta.in_db`` of each model.

::

    class Stop(models.Model):
        class Meta:
            in_db = "passenger_census"   # an alias of settings.DATABASES

decides where the model is read, written, and migrated, and which relations are allowed. Models
without it are in ``default``.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import options


def register_in_db() -> None:
    """Allow ``in_db`` in ``class Meta``. A second call, as in older projects, does no harm."""
    if "in_db" not in options.DEFAULT_NAMES:
        options.DEFAULT_NAMES = (*options.DEFAULT_NAMES, "in_db")


def declared_alias(model: type[models.Model]) -> str | None:
    """The ``in_db`` that applies to a model. None if nothing declares one.

    A model inherits it from an abstract parent, like any Meta option. A proxy uses the table of its
    concrete model, a child in multi-table inheritance is joined with its parents, and a
    many-to-many table is beside the model that created it, so each of these follows that model. A
    historical model, as migrations see it, follows the current model, so that moving a model moves
    all its migrations. If there is no current model, its own ``in_db`` applies. Something that only
    looks like a model, such as the one of Django's database cache, declares none.
    """
    meta = model._meta
    if not isinstance(meta, options.Options):
        return None
    # The stubs say bool. It is the model that created this one, or False.
    maker = cast("type[models.Model] | Literal[False]", meta.auto_created)
    if maker:
        return declared_alias(maker)
    if meta.apps is not apps:
        current = _current(meta.app_label, meta.model_name)
        if current is not None:
            return declared_alias(current)
    own: str | None = getattr(meta, "in_db", None)
    if own:
        return own
    for parent in meta.all_parents:
        inherited: str | None = getattr(parent._meta, "in_db", None)
        if inherited:
            return inherited
    return None


def alias_of(model: type[models.Model]) -> str:
    """The alias of the model's database."""
    return declared_alias(model) or DEFAULT_DB_ALIAS


def _current(app_label: str, model_name: str | None) -> type[models.Model] | None:
    try:
        return apps.get_model(app_label, model_name)
    except LookupError:
        return None


class ModelDatabaseRouter:
    """Django's database router for ``Meta.in_db``."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        # None, and not "default", for the others. Then Django stays with the database that an
        # instance came from, and asks the team's other routers.
        return declared_alias(model)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return declared_alias(model)

    def allow_relation(self, obj1: models.Model, obj2: models.Model, **hints: Any) -> bool | None:
        first, second = declared_alias(type(obj1)), declared_alias(type(obj2))
        if first is None and second is None:
            return None
        return (first or DEFAULT_DB_ALIAS) == (second or DEFAULT_DB_ALIAS)

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        """Whether an operation of ``app_label`` runs on ``db``.

        ``RunPython`` and ``RunSQL`` do not name a model. They run once, in the database of the hint
        ``in_db``: ``migrations.RunSQL(..., hints={"in_db": "census"})``. Without the hint, it is
        the database of the application's models, or ``default`` if that is one of several.
        """
        if "in_db" in hints:
            wanted: object = hints["in_db"]
            return db == wanted
        model = _current(app_label, model_name) if model_name else None
        if model is None:
            model = hints.get("model")
        if model is not None:
            return db == alias_of(model)
        return db == _home(app_label)


def _home(app_label: str) -> str:
    """The one database for an application's operations without a model."""
    try:
        aliases = {alias_of(model) for model in apps.get_app_config(app_label).get_models()}
    except LookupError:
        aliases = set()
    if not aliases or DEFAULT_DB_ALIAS in aliases:
        return DEFAULT_DB_ALIAS
    return next((alias for alias in settings.DATABASES if alias in aliases), DEFAULT_DB_ALIAS)
