#!/usr/bin/env bash
# Like the official image: bare options start the server, and the server does not run as root.
set -euo pipefail

if [ "${1:0:1}" = - ]; then set -- mongod "$@"; fi

if [ "${1:-}" = mongod ]; then
  if [ -n "${MONGO_INITDB_ROOT_USERNAME:-}" ]; then
    echo 'stand-in for mongo: no authentication here, MONGO_INITDB_ROOT_USERNAME is ignored.' \
      'Clients that send a user and a password are refused; connect without.' >&2
  fi
  if [ "$(id -u)" = 0 ]; then
    chown -R mongodb:mongodb /data/db
    exec setpriv --reuid mongodb --regid mongodb --init-groups "$@"
  fi
fi
exec "$@"
