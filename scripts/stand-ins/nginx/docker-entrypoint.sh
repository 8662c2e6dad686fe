#!/usr/bin/env bash
# Like the official image: fills /etc/nginx/templates/*.template from the environment, then becomes nginx.
set -euo pipefail

if [ "${1:-}" = nginx ] && [ -d /etc/nginx/templates ]; then
  # Only names that are set: $host and nginx's other variables must survive.
  names="$(compgen -e | sed 's/.*/${&}/' | tr '\n' ' ')"
  cd /etc/nginx/templates
  while IFS= read -r template; do
    target="/etc/nginx/conf.d/${template%.template}"
    mkdir -p "$(dirname "$target")"
    envsubst "$names" <"$template" >"$target"
  done < <(find . -follow -name '*.template' -type f | sed 's|^\./||' | sort)
  cd /
fi

if [ "${1:-}" = nginx ]; then
  while IFS= read -r script; do
    [ -x "$script" ] && "$script"
  done < <(find /docker-entrypoint.d -name '*.sh' -type f | sort)
fi

exec "$@"
