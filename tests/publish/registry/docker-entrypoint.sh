#!/usr/bin/env bash
# Write the account where the package's configuration expects it, then run the registry.
set -euo pipefail

hash=$(printf %s "$REGISTRY_PASSWORD" | mkpasswd --method=bcrypt --stdin) # the only hash that it accepts
echo "$REGISTRY_USER:$hash" >/etc/docker/registry/htpasswd
unset REGISTRY_USER REGISTRY_PASSWORD # the registry treats every REGISTRY_* variable as a setting
exec docker-registry serve /etc/docker/registry/config.yml
