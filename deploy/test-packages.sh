#!/bin/sh
# Debian packages that some tests use. Without them, or without the rights to install, those tests are
# skipped by name.
set -u
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0

missing=""
command -v ps >/dev/null || missing="$missing procps"
ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || command -v pg_ctl >/dev/null || missing="$missing postgresql"
[ -z "$missing" ] && exit 0

export DEBIAN_FRONTEND=noninteractive
echo "Installing for the tests:$missing"
timeout 120 apt-get update -qq >/dev/null 2>&1
# shellcheck disable=SC2086 - one word a package
timeout 300 apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 \
    || echo "Not installed:$missing. The tests that need them are skipped."
exit 0
