#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root: runs the tests of the source package (debian/tests) against the built packages, with autopkgtest(1),
# in a copy of a clean Debian: packaging/deb/autopkgtest.sh DIRECTORY-WITH-PACKAGES [TREE]
#
# TREE is as for try.sh.  Each test's end is printed; the exit status is that of autopkgtest.
set -eu
debs=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf 'autopkgtest: %s\n' "$*"; }

tree=$work/tree
if [ -n "${2:-}" ]; then
    cp -a --reflink=auto "$2" "$tree"
else
    mmdebstrap --quiet --variant=minbase --include=python3 bookworm "$tree" >/dev/null
fi
cp /etc/resolv.conf "$tree/etc/resolv.conf"
# No service is started by installing its package: invoke-rc.d(8).
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
chmod 755 "$tree/usr/sbin/policy-rc.d"

status=0
autopkgtest --quiet --output-dir="$work/out" --apt-upgrade --no-built-binaries \
    "$debs"/agentcore_*_all.deb "$debs"/agentcore-conformance_*_all.deb "$debs"/waagent_*_all.deb \
    "$debs"/agentcore_*.dsc -- chroot "$tree" >"$work/log" 2>&1 </dev/null || status=$?
if [ -e "$work/out/summary" ]; then sed 's/^/autopkgtest:   /' "$work/out/summary"; fi
if [ "$status" -ne 0 ]; then
    tail -40 "$work/log" >&2
    say "FAILED: exit status $status"
    exit "$status"
fi
say 'all passed'
