#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the image for CoreOS and Flatcar: packaging/sysext.sh OUT [ID[:LEVEL]]   (default: flatcar:1.0)
#
# OUT/agentcore.raw is a squashfs with /usr alone, for systemd-sysext(8): the agent, its units, and an interpreter
# with its libraries of its own below /usr/lib/agentcore/python, from the Debian packages that this
# machine's apt has (their list, with versions, is in the image).  It uses no library of the system it is
# merged into, only sh(1) and openssl(1).  The same packages and the same tree give the same bytes.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${1:?where to}"
out=$(cd "$1" && pwd)
system=${2:-flatcar:1.0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
umask 022

PYTHON=/usr/lib/agentcore/python
MODULES='python3 python3-cryptography python3-defusedxml python3-distro python3-requests python3-stevedore'

say() { printf 'sysext: %s\n' "$*"; }
moment=$(date -d "$(sed -n 's/^ -- .*>  //p' packaging/deb/changelog | head -1)" +%s)
machine=$(uname -m)
case $machine in
    x86_64) architecture=x86-64 ;;
    aarch64) architecture=arm64 ;;
    *) architecture=$machine ;;
esac

# --- Debian's packages, with all that they depend on; they are unpacked, no script of theirs runs
mkdir -p "$work/debs" "$work/stage" "$work/apt/lists/partial"
: >"$work/status"
# shellcheck disable=SC2086 # words
apt-get -s -qq --no-install-recommends -o Dir::State::status="$work/status" install $MODULES |
    sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p' | sort >"$work/packages"
[ -s "$work/packages" ] || { echo 'sysext: apt-get knows no packages' >&2; exit 1; }
# shellcheck disable=SC2046 # words
(cd "$work/debs" && apt-get -qq -o APT::Sandbox::User=root download $(cat "$work/packages"))
for each in "$work"/debs/*.deb; do dpkg-deb --fsys-tarfile "$each" | tar -x -C "$work/stage"; done

# --- the interpreter, where it is looked for by nobody else
tree=$work/tree
inside=$tree$PYTHON
mkdir -p "$inside/bin" "$inside/lib/libraries"
version=$(cd "$work/stage/usr/lib" && echo python3.*)
cp "$work/stage/usr/bin/$version" "$inside/bin/"
cp -R "$work/stage/usr/lib/$version" "$work/stage/usr/lib/python3" "$inside/lib/"
for each in "$work"/stage/lib/"$machine"-linux-gnu "$work"/stage/usr/lib/"$machine"-linux-gnu; do
    [ ! -d "$each" ] || find "$each" -maxdepth 1 -name '*.so*' -exec cp -L {} "$inside/lib/libraries/" ';'
done
loader=$(cd "$inside/lib/libraries" && echo ld-linux*.so.*)
rm -rf "$inside/lib/$version"/config-* "$inside/lib/$version/test" "$inside/lib/$version/idlelib" \
    "$inside/lib/$version/turtledemo" "$inside/lib/$version/ensurepip" "$inside/lib/$version/lib2to3"
find "$tree" -name __pycache__ -prune -exec rm -rf {} +
# The name it is called by tells Python where its modules are, and what sys.executable is.
cat >"$inside/bin/python3" <<END
#!/bin/sh
here=$PYTHON
exec "\$here/lib/libraries/$loader" --argv0 "\$here/bin/python3" --library-path "\$here/lib/libraries" \\
    "\$here/bin/$version" "\$@"
END
chmod 755 "$inside/bin/python3"

# --- the agent
python3 packaging/install.py DESTDIR="$tree" PREFIX=/usr PYTHON="$PYTHON/bin/python3" VENDOR=coreos \
    PYTHONDIR="$PYTHON/lib/python3/dist-packages" INIT=systemd
rm -r "${tree:?}/etc" # an image has none: the agent's defaults hold, a file of the administrator is read
mkdir -p "$tree/usr/lib/extension-release.d" "$tree/usr/share/agentcore"
for unit in waagent waagent-provision; do # an image cannot enable a unit by a link below /etc
    printf '[Unit]\nUpholds=%s.service\n' "$unit" >"$work/upholds"
    install -D -m 0644 "$work/upholds" "$tree/usr/lib/systemd/system/multi-user.target.d/10-$unit.conf"
done
# A oneshot that has ended is not begun again by Wants=, by Upholds= it would be.
sed -i 's/^Upholds=/Wants=/' "$tree/usr/lib/systemd/system/multi-user.target.d/10-waagent-provision.conf"
printf 'ID=%s\nSYSEXT_LEVEL=%s\nARCHITECTURE=%s\n' "${system%%:*}" "${system#*:}" "$architecture" \
    >"$tree/usr/lib/extension-release.d/extension-release.agentcore"
cp "$work/packages" "$tree/usr/share/agentcore/interpreter.packages"

# --- compiled: /usr cannot be written where it is merged
env -i PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
    "$inside/lib/libraries/$loader" --argv0 "$inside/bin/python3" --library-path "$inside/lib/libraries" \
    "$inside/bin/$version" -s -m compileall -q --invalidation-mode unchecked-hash -s "$tree" -p / \
    "$inside/lib" >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
find "$tree" -type d -exec chmod 755 {} +
rm -f "$out/agentcore.raw"
mksquashfs "$tree" "$out/agentcore.raw" -quiet -no-progress -all-root -noappend -mkfs-time "$moment" \
    -all-time "$moment" -no-xattrs -comp zstd >/dev/null
say "$(wc -l <"$work/packages") packages of Debian, $(du -sk "$tree" | cut -f1) KiB, packed" \
    "$(($(stat -c %s "$out/agentcore.raw") / 1024)) KiB"
(cd "$out" && sha256sum agentcore.raw)
