from django.apps import AppConfig
from django.utils.translation import ugettext_lazy as _


class TreesConfig(AppConfig):
    name = 'trees'
    verbose_name = _('Trees of Portland')
