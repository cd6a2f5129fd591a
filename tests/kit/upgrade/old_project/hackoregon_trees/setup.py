#!/usr/bin/env python
# -*- coding: utf-8 -*-
from distutils.core import setup

readme = open('README.md').read()

setup(
    name='hackoregon_trees',
    version='1.0.0',
    description="""2019 Trees Backend""",
    long_description=readme,
    packages=setuptools.find_namespace_packages(include=['namespace.*']),
    include_package_data=True,
    zip_safe=False,
    install_requires=[
        'Django>=2.2,<3',
        'djangorestframework',
        'djangorestframework-gis'
    ],
)
