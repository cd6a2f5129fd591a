"""Liveness and readiness, answered below Django.

A probe must not fail because of a host header, an HTTPS redirect, a catch-all
URL or a middleware of the team.
"""
