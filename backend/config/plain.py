"""``python -m backend.config.plain``: the values of an image without any configuration, as JSON."""

import json
import os

from backend.conf import overrides

# Before the settings are loaded, so that they ignore every local_settings folder.
overrides.PACKAGES = ()
os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings"


def main() -> None:
    from django.conf import settings

    from backend.conf.environment import current
    from backend.conf.masking import Masker
    from backend.config import report

    settings.DEBUG  # noqa: B018  loads the settings
    sections = report.entries(current(), Masker(), command=[])
    values = {
        section: {name: entry.value for name, entry in section_entries.items()}
        for section, section_entries in sections.items()
    }
    print(json.dumps(values))


if __name__ == "__main__":
    main()
