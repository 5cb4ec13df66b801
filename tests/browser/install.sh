#!/usr/bin/env bash
# What the tests of this folder need besides Python: a Chromium, from the distribution if there is none, and axe-core,
# from npm in the version and with the checksum of package-lock.json.
set -euo pipefail
cd "$(dirname "$0")"

has() { command -v "$1" >/dev/null; }

install() {
  has apt-get || { echo "install $* with your package manager, then try again" >&2; exit 1; }
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" dpkg --configure -a # an installation that was interrupted stops every later one
  "${root[@]}" apt-get update -q
  "${root[@]}" apt-get install -yq --no-install-recommends "$@"
}

has chromium || has chromium-browser || has google-chrome || has google-chrome-stable || install chromium fonts-dejavu-core
has npm || install npm
npm ci --ignore-scripts --no-audit --no-fund
