import pkg_resources

__version__ = pkg_resources.get_distribution('hackoregon_trees').version

default_app_config = 'trees.apps.TreesConfig'
