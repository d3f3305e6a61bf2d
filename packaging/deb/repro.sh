#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root: builds the source package and the binary packages twice and compares them:
# packaging/deb/repro.sh [OUT]
#
# The second time: other path, user, umask, locale, time zone, and 400 days later (faketime(1), where it is
# installed).  Both begin with the tree itself, so the release tarball is compared too.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
chmod 711 "$work"

say() { printf 'repro: %s\n' "$*"; }
fail() { printf 'repro: FAILED: %s\n' "$*" >&2; exit 1; }

NOBODY=65534
later=
if command -v faketime >/dev/null 2>&1; then later='faketime -f +400d'; fi

# build DIRECTORY UMASK COMMAND...: the tarball and all packages, in this directory
build() {
    place=$work/$1 mask=$2
    shift 2
    # shellcheck disable=SC2016 # the inner shell's
    "$@" sh -eu -c 'umask "$2"; cd "$1"
        tarball=$(/usr/bin/python3 tree/packaging/dist.py "$1")
        tar -xpf "$tarball" --no-same-owner
        cd "$(basename "$tarball" .tar.gz)"
        DEB_BUILD_OPTIONS=nocheck DEB_BUILD_PROFILES=nocheck \
            dpkg-buildpackage -us -uc --build=full >../log 2>&1' sh "$place" "$mask" ||
        { tail -30 "$place/log" >&2; fail "the build in $place"; }
}

# The tree of sources, without what tools made in it; both copies are of one moment.
mkdir -p "$work/one/tree" "$work/another/place/with/a/longer/name"
tar -c --exclude=./.git --exclude=./.venv --exclude=./dist --exclude=./.tox --exclude='./.*_cache' \
    --exclude=__pycache__ . | tar -x -C "$work/one/tree"
cp -a "$work/one/tree" "$work/another/place/with/a/longer/name/"
chown -R "$NOBODY:$NOBODY" "$work/another"
build one 0022 env LC_ALL=C TZ=UTC0
# shellcheck disable=SC2086 # words, or none
build another/place/with/a/longer/name 0077 setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups \
    env HOME=/nonexistent LC_ALL=C.UTF-8 TZ=Pacific/Auckland $later

digests() { (cd "$work/$1" && find . -maxdepth 1 -type f \( -name '*.deb' -o -name '*.dsc' -o \
    -name '*.tar.*' \) -exec sha256sum {} + | sort -k2); }
digests one >"$work/first"
digests another/place/with/a/longer/name >"$work/second"
cat "$work/first"
[ "$(wc -l <"$work/first")" -ge 6 ] || fail 'fewer files than packages'
diff "$work/first" "$work/second" || fail 'the second build differs (its lines have >)'
[ -z "${1:-}" ] || cp "$work"/one/*.deb "$work"/one/*.dsc "$work"/one/*.tar.* "$1/"
say "equal: another path, user, umask, locale and time zone${later:+, 400 days later}"
