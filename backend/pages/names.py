"""What people call the rows of a model."""

from __future__ import annotations

from django.db.models import Model


def plural(model: type[Model]) -> str:
    """The model's ``verbose_name_plural``; where it has none, Django's, without an s too many.

    inspectdb makes a model ``Crashes`` of a table ``crashes``, which Django calls "crashess".
    """
    one = str(model._meta.verbose_name)
    if "verbose_name_plural" in model._meta.original_attrs or not one.endswith("s"):
        return str(model._meta.verbose_name_plural)
    return f"{one}es" if one.endswith("ss") else one
