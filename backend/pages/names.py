"""Names for the rows of a model."""

from __future__ import annotations

from django.db.models import Model


def plural(model: type[Model]) -> str:
    """The model's ``verbose_name_plural``, or Django's default without a superfluous s.

    From a table ``crashes``, inspectdb makes a model ``Crashes``, which Django calls "crashess".
    """
    one = str(model._meta.verbose_name)
    if "verbose_name_plural" in model._meta.original_attrs or not one.endswith("s"):
        return str(model._meta.verbose_name_plural)
    return f"{one}es" if one.endswith("ss") else one
