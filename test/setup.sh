#!/bin/sh
# Brings a bare Debian machine to the point where `npm start` and `npm test` work: npm packages, Debian packages,
# and the stock kernel of Debian 12 with its headers, and one before it to boot into, unpacked into the user's cache and
# not installed. test/kernels/setup.ts fetches the other kernels.
# Runs before both of them, so it does nothing, quickly, when nothing is missing. Needs root only to install.
set -eu

# What the virtual machine (qemu, its UEFI ovmf, busybox, kmod, e2fsprogs) and the patch builder (gcc of the version that
# the kernel was built with, make, openssl; libelf1 for the kernel's objtool) run; what the tests of patch files pack with
# (python3), and what a kernel image is unpacked with (xz); the proxies that the tests start by themselves (tinyproxy,
# stunnel, dante, microsocks: packages that start no service unasked; dante's cannot start before somebody gives it an
# address); the web server that holds catalogues in tests (nginx; where systemd runs, its package also starts it on port
# 80); the terminal that a session is typed into (tmux). util-linux, bash and dpkg are essential in Debian. Of names with
# a bar between them one will do; what ends with a bar can be done without: Debian 13 has no dante.
PACKAGES='qemu-system-x86 ovmf busybox-static kmod e2fsprogs gcc-12 make openssl libelf1t64|libelf1 xz-utils python3'
PACKAGES="$PACKAGES python3-yaml tinyproxy-bin stunnel4 dante-server| microsocks nginx-light tmux"

PATH=$PATH:/usr/sbin:/sbin
checkout=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/canonical-livepatch
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# Runs a command quietly; its output is shown only when it fails.
quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Whether this Debian has such a package.
exists() {
  apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# Of each group of names of which none is installed, the one that this Debian has: Debian 13 has libelf1 by another name.
# What can be done without, and is not to be had, is not missing.
missing_packages() {
  for names in $PACKAGES; do
    for name in $(echo "$names" | tr '|' ' '); do
      ! is_installed "$name" || continue 2
    done
    for name in $(echo "$names" | tr '|' ' '); do
      if exists "$name"; then
        echo "$name"
        continue 2
      fi
    done
    case $names in *'|') ;; *) echo "${names%%|*}" ;; esac
  done
}

# apt's lists may be absent or older than what the archive still holds, so they are renewed, once, before the first use.
update_lists() {
  [ -z "${lists_updated:-}" ] || return 0
  lists_updated=yes
  [ "$(id -u)" -eq 0 ] || return 0
  say 'reading the package lists of the Debian archive'
  quietly apt-get update || fail 'apt-get update failed (above): is the Debian archive reachable?'
}

install_debian_packages() {
  [ -n "$(missing_packages)" ] || return 0
  update_lists
  missing=$(missing_packages | tr '\n' ' ')
  by_hand="apt-get update && apt-get install --no-install-recommends $missing"
  [ "$(id -u)" -eq 0 ] || fail "missing Debian packages: $missing" "run as root: $by_hand"
  say "installing Debian packages: $missing"
  DEBIAN_FRONTEND=noninteractive quietly apt-get install -y --no-install-recommends $missing ||
    fail "could not install: $missing" "run as root: $by_hand"
}

# Two of them, unpacked into the cache: one to patch, and one that a machine may have run before it.
unpack_kernel() {
  [ ! -e "$cache/kernel/debian-12" ] || [ ! -e "$cache/kernel/debian-12.previous" ] || return 0
  update_lists
  "$checkout/node_modules/.bin/node" "$checkout/test/kernels/setup.ts" debian-12 ||
    fail 'the kernel could not be fetched (above)' 'run as root: apt-get update, then try again'
}

install_npm_packages() {
  cd "$checkout"
  [ ! node_modules/.package-lock.json -nt package-lock.json ] || return 0
  say 'installing npm packages'
  npm ci --loglevel=error --no-audit --no-fund || fail 'npm ci failed (above)'
}

command -v apt-get >/dev/null && [ "$(dpkg --print-architecture)" = amd64 ] ||
  fail 'this needs Debian (amd64) and its apt' "elsewhere, provide by hand: $PACKAGES, and an unpacked Debian kernel"
install_npm_packages
install_debian_packages
unpack_kernel
say "ready (kernel $(readlink "$cache/kernel/debian-12"))"
