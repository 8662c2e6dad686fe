#!/usr/bin/env bash
# Like the official image: bare options and config files start the server, and the server does not run as root.
set -euo pipefail

if [ "${1:0:1}" = - ] || [[ "${1:-}" == *.conf ]]; then set -- redis-server "$@"; fi

if [ "${1:-}" = redis-server ]; then
  # The official image is compiled so that a server without a password is reachable from other containers.
  [[ "${2:-}" == *.conf ]] || set -- "$@" --bind '* -::*' --protected-mode no
  if [ "$(id -u)" = 0 ]; then
    chown -R redis:redis /data
    exec setpriv --reuid redis --regid redis --init-groups "$@"
  fi
fi
exec "$@"
