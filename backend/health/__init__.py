"""Liveness and readiness, which respond below Django.

A probe must not fail because of a host header, an HTTPS redirect, a catch-all URL, or a team's
middleware.
"""
