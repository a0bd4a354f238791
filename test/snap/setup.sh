#!/bin/sh
# The Debian packages that `npm run snap` and `npm run test:snap` need besides those of test/setup.sh: snapd packs,
# mmdebstrap and qemu-img make the machine's disk, binutils strips. Nothing of snapd has to run here.
set -eu

missing=
for package in snapd squashfs-tools mmdebstrap qemu-utils binutils; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

by_hand="apt-get update && apt-get install --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
  printf 'setup: %s\n' "missing Debian packages:$missing" "run as root: $by_hand" >&2
  exit 1
fi
echo "setup: installing Debian packages:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt-get update >"$log" 2>&1 &&
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1 || {
  cat "$log" >&2
  echo "setup: run as root: $by_hand" >&2
  exit 1
}
