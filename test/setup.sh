#!/bin/sh
# Brings a bare Debian machine to the point where `npm start` and `npm test` work: npm packages, Debian packages,
# and the stock Debian kernel with its headers, and one before it to boot into, unpacked into the user's cache and not
# installed.
# Runs before both of them, so it does nothing, quickly, when nothing is missing. Needs root only to install.
set -eu

# What the virtual machine (qemu, its UEFI ovmf, busybox, kmod, e2fsprogs) and the patch builder (gcc, make, openssl;
# libelf1 for the kernel's objtool) run; what the tests of patch files pack with (python3), and what a kernel image is unpacked with (xz); the proxies that
# the tests start by themselves (tinyproxy, stunnel, dante, microsocks: packages that start no service unasked; dante's
# cannot start before somebody gives it an address); the terminal that a session is typed into (tmux). util-linux, bash
# and dpkg are essential in Debian.
PACKAGES='qemu-system-x86 ovmf busybox-static kmod e2fsprogs gcc make openssl libelf1 xz-utils python3'
PACKAGES="$PACKAGES tinyproxy-bin stunnel4 dante-server microsocks tmux"

PATH=$PATH:/usr/sbin:/sbin
checkout=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/canonical-livepatch
log=$(mktemp)
work=
trap 'rm -rf "$log" "$work"' EXIT
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

missing_packages() {
  for package in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
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
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  by_hand="apt-get update && apt-get install --no-install-recommends $missing"
  [ "$(id -u)" -eq 0 ] || fail "missing Debian packages: $missing" "run as root: $by_hand"
  update_lists
  say "installing Debian packages: $missing"
  DEBIAN_FRONTEND=noninteractive quietly apt-get install -y --no-install-recommends $missing ||
    fail "could not install: $missing" "run as root: $by_hand"
}

# The packages named in the Depends field of $1 that begin with $2.
depends_of() {
  apt-cache depends "$1" | sed -n "s/^ *Depends: \($2.*\)\$/\1/p"
}

unpack_debian_kernel() {
  [ ! -e "$cache/kernel/current" ] || return 0
  update_lists
  image=$(depends_of linux-image-amd64 'linux-image-[0-9]' | head -n 1)
  [ -n "$image" ] || fail 'the Debian archive has no linux-image-amd64' 'run as root: apt-get update'
  release=${image#linux-image-}
  headers=linux-headers-$release

  mkdir -p "$cache/kernel"
  work=$(mktemp -d "$cache/kernel/unpacking.XXXXXX")
  say "downloading the Debian kernel $release and its headers (85 MB)"
  (
    cd "$work"
    quietly apt-get -o APT::Sandbox::User=root download \
      "$image" "$headers" $(depends_of "$headers" linux-headers-) $(depends_of "$headers" linux-kbuild-)
  ) || fail 'the download failed (above)' 'run as root: apt-get update, then try again'

  say "unpacking it into $cache/kernel/$release (480 MB)"
  mkdir "$work/tree"
  for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$work/tree"
  done
  depmod -b "$work/tree" "$release"
  # The headers' Makefile includes the common one by its installed path; here it is found beside this one.
  sed -i 's|^include /usr/src/|include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../|' \
    "$work/tree/usr/src/$headers/Makefile"

  # Renamed only when complete, so that an interrupted run leaves nothing that looks like a kernel.
  rm -rf "${cache:?}/kernel/$release"
  mv "$work/tree" "$cache/kernel/$release"
  ln -s "$release" "$work/current"
  mv -T "$work/current" "$cache/kernel/current"
  rm -rf "$work"
}

# The kernel before the current one, without headers: a machine whose kernel changes between two boots needs it.
unpack_previous_kernel() {
  [ ! -e "$cache/kernel/previous" ] || return 0
  update_lists
  current=$(readlink "$cache/kernel/current")
  release=$(apt-cache pkgnames linux-image- | sed -n 's/^linux-image-\([0-9.]*-[0-9]*-amd64\)$/\1/p' |
    grep -vxF "$current" | sort -V | tail -n 1)
  [ -n "$release" ] || fail 'the Debian archive has no kernel but the current one'
  work=$(mktemp -d "$cache/kernel/unpacking.XXXXXX")
  say "downloading the Debian kernel $release (70 MB)"
  (cd "$work" && quietly apt-get -o APT::Sandbox::User=root download "linux-image-$release") ||
    fail 'the download failed (above)' 'run as root: apt-get update, then try again'
  mkdir "$work/tree"
  dpkg-deb -x "$work"/*.deb "$work/tree"
  depmod -b "$work/tree" "$release"
  rm -rf "${cache:?}/kernel/$release"
  mv "$work/tree" "$cache/kernel/$release"
  ln -s "$release" "$work/previous"
  mv -T "$work/previous" "$cache/kernel/previous"
  rm -rf "$work"
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
unpack_debian_kernel
unpack_previous_kernel
say "ready (kernel $(readlink "$cache/kernel/current"))"
