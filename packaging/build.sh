#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and lints every package from the release tarball: packaging/build.sh OUT [deb|rpm ...]
#
# TESTS=no leaves the unit tests out of the builds (they run in make test anyway), LINT=no the linters.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${1:?where to}"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- deb rpm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tests=${TESTS:-yes}
lint=${LINT:-yes}

say() { printf 'packages: %s\n' "$*"; }

tarball=$(python3 packaging/dist.py "$work")
version=$(basename "$tarball" .tar.gz)
cp "$tarball" "$out/"

deb() {
    mkdir "$work/deb"
    # -p: the source package has the modes of the tarball, not of this umask.
    tar -xpf "$tarball" -C "$work/deb" --no-same-owner
    profiles=
    [ "$tests" = yes ] || profiles='nocheck'
    options="parallel=$(getconf _NPROCESSORS_ONLN) $profiles"
    (cd "$work/deb/$version" && DEB_BUILD_OPTIONS="$options" DEB_BUILD_PROFILES="$profiles" \
        dpkg-buildpackage -us -uc --build=full >"$work/deb.log" 2>&1) ||
        { tail -40 "$work/deb.log" >&2; exit 1; }
    cp "$work"/deb/*.deb "$work"/deb/*.dsc "$work"/deb/*.tar.* "$work"/deb/*.changes \
        "$work"/deb/*.buildinfo "$out/"
    if [ "$lint" = yes ]; then
        # A distribution's name stands in its own changelog; a root of the build has no other user.
        lintian --allow-root --fail-on error,warning "$work"/deb/*.changes \
            --suppress-tags bogus-mail-host-in-debian-changelog
        say "deb: lintian has nothing to say"
    fi
    tests=no # the tests of this tree have run; those of the RPM build are the same
}

rpm() {
    top=$work/rpm
    mkdir -p "$top/SOURCES"
    cp "$tarball" "$top/SOURCES/"
    without=
    [ "$tests" = yes ] || without='--without check'
    # Debian's rpmbuild: no macros of Python, and its shell cannot run the scripts of brp.
    # shellcheck disable=SC2086 # a list of words
    rpmbuild -bb $without --define "_topdir $top" --define '_buildshell /bin/bash' \
        --define '__brp_compress /bin/bash /usr/lib/rpm/brp-compress' \
        --define '_buildhost reproducible' --define 'use_source_date_epoch_as_buildtime 1' \
        --define 'clamp_mtime_to_source_date_epoch 1' --define 'source_date_epoch_from_changelog 1' \
        packaging/rpm/agentcore.spec >"$work/rpm.log" 2>&1 || { tail -40 "$work/rpm.log" >&2; exit 1; }
    cp "$top"/RPMS/noarch/*.rpm "$out/"
    if [ "$lint" = yes ]; then
        rpmlint -c packaging/rpm/rpmlint.toml packaging/rpm/agentcore.spec "$top"/RPMS/noarch/*.rpm
        say "rpm: rpmlint has no errors"
    fi
}

for kind in "$@"; do
    case $kind in
        deb | rpm) $kind ;;
        *) echo "packages: $kind is not deb or rpm" >&2; exit 64 ;;
    esac
done
(cd "$out" && sha256sum ./*.deb ./*.rpm 2>/dev/null) || :
