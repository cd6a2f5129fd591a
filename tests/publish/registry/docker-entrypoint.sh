#!/usr/bin/env bash
# Write the account that the package's own configuration looks for, then become the registry.
set -euo pipefail

hash=$(printf %s "$REGISTRY_PASSWORD" | mkpasswd --method=bcrypt --stdin) # the only kind it takes
echo "$REGISTRY_USER:$hash" >/etc/docker/registry/htpasswd
unset REGISTRY_USER REGISTRY_PASSWORD # every REGISTRY_* name is taken for a setting
exec docker-registry serve /etc/docker/registry/config.yml
