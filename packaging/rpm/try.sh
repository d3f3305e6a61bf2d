#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root: installs the packages from a local repository with dnf and with zypper, and runs them:
# packaging/rpm/try.sh [TREE]
#
# No repository of a distribution is at hand where this runs, so the tree is a Debian with Python and the
# libraries, and one stub package says so to the solver.  Shown besides: an edited configuration is
# kept, a missing dependency is an error, and an erasure leaves the administrator's file.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf 'try: %s\n' "$*"; }
fail() { printf 'try: FAILED: %s\n' "$*" >&2; tail -20 "$work/log" >&2; exit 1; }
quietly() { "$@" >"$work/log" 2>&1 </dev/null || fail "$*"; }

HOME=$work/home
export HOME LC_ALL=C
mkdir "$HOME" "$work/repo" "$work/repos" "$work/bare" "$work/SOURCES"
echo '%_dbpath /var/lib/rpm' >"$HOME/.rpmmacros"
: >"$work/log"

python_libraries='python3-cryptography python3-defusedxml python3-distro python3-requests
    python3-stevedore python3-pytest'
base=${1:-}
if [ -z "$base" ]; then
    base=$work/base
    # shellcheck disable=SC2086 # words
    include=$(printf '%s,' $python_libraries)
    quietly mmdebstrap --variant=minbase --include="python3,openssl,$include" bookworm "$base"
fi

# --- packages: ours with that tree's paths, and what the tree has
cp "$(python3 packaging/dist.py "$work")" "$work/SOURCES/"
build() { quietly rpmbuild -bb --define "_topdir $work" --define '_buildshell /bin/bash' \
    --define '__brp_compress /bin/bash /usr/lib/rpm/brp-compress' "$@"; }
build --without check --define 'python3_sitelib /usr/lib/python3/dist-packages' \
    packaging/rpm/agentcore.spec
{
    printf 'Name: tree\nVersion: 1\nRelease: 1\nSummary: What the tree has\nLicense: none\n'
    printf 'BuildArch: noarch\n'
    for name in /bin/sh /usr/bin/python3 'python3 = 3.11' 'python(abi) = 3.11' openssl logrotate \
        systemd-udev; do
        echo "Provides: $name"
    done
    for name in $python_libraries; do echo "Provides: $name = 100"; done
    printf '%%description\nIt.\n%%files\n'
} >"$work/tree.spec"
build "$work/tree.spec"
cp "$work"/RPMS/noarch/*.rpm "$work/repo/"
cp "$work"/RPMS/noarch/agentcore-*.rpm "$work/bare/"
quietly createrepo_c -q "$work/repo"
quietly createrepo_c -q "$work/bare"

repository() { printf '[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n' "$1" "$1" "$2" >"$work/repos/$1.repo"; }

with_dnf() { quietly dnf -y --installroot="$root" --releasever=1 --setopt=reposdir="$work/repos" \
    --setopt=cachedir="$work/cache" --setopt=install_weak_deps=False "$@"; }

with_zypper() { quietly zypper --root "$root" --non-interactive --no-gpg-checks "$@"; }

tree() {
    root=$work/$1
    cp -a --reflink=auto "$base" "$root"
    mkdir -p "$root/var/lib/rpm"
}

proved() { # what must hold in a tree with the package
    chroot "$root" waagent version | grep -q '^WALinuxAgent-3' || fail "$1: waagent version"
    chroot "$root" waagent driver list | grep -q osdrivers.rhel || fail "$1: no drivers"
    [ "$(stat -c %a "$root/var/lib/waagent")" = 700 ] || fail "$1: mode of /var/lib/waagent"
    rpm --root "$root" -V --nodeps agentcore >"$work/log" || fail "$1: rpm -V"
    say "$1: installed, verified and run"
}

# --- dnf
repository all "$work/repo"
tree dnf
with_dnf install agentcore agentcore-udev agentcore-conformance
proved dnf
chroot "$root" agentcore-lab --help >/dev/null || fail 'agentcore-lab'
echo 'Logs.Verbose=y' >>"$root/etc/waagent.conf"
with_dnf reinstall agentcore
grep -q Verbose "$root/etc/waagent.conf" || fail 'an edit was lost'
: >"$root/var/lib/waagent/provisioned"
with_dnf remove agentcore agentcore-udev
grep -q Verbose "$root/etc/waagent.conf.rpmsave" || fail 'no .rpmsave'
[ -e "$root/var/lib/waagent/provisioned" ] || fail 'the state was deleted'
found=$(find "$root/usr" -name '*waagent*' -o -name 'osdrivers*' -o -name 'agentcore*')
[ -z "$found" ] || fail "left over: $found"
say 'dnf: an edit is kept, erasure leaves state and .rpmsave'

# --- a dependency that is not there
rm "$work/repos/all.repo"
repository bare "$work/bare"
tree bare
if dnf -y --installroot="$root" --releasever=1 --setopt=reposdir="$work/repos" \
    --setopt=cachedir="$work/cache2" install agentcore >"$work/log" 2>&1; then
    fail 'installed without its dependencies'
fi
grep -q 'nothing provides python3-cryptography' "$work/log" || fail 'another complaint'
say 'dnf: a missing dependency is named'

# --- zypper
tree zypper
with_zypper addrepo "file://$work/repo" all
with_zypper refresh
with_zypper install --no-recommends agentcore agentcore-udev
proved zypper
say 'all held'
