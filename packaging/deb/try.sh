#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As root: tries the built packages in trees of Debian: packaging/deb/try.sh DIRECTORY-WITH-DEBS [TREE]
#
# A clean installation pulls only Debian's packages, removal keeps the state, purge leaves nothing, and
# an upgrade from Debian's own waagent keeps state and edited configuration.  TREE is a minimal Debian
# with python3 (mmdebstrap); without it one is made from the sources of this machine's apt.
# shellcheck disable=SC2016 # ${...} of dpkg-query
set -eu
debs=$(cd "$1" && pwd)
work=$(mktemp -d)
# The trees hold mounts of nothing; what runs in them is chroot(8) alone.
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

deb() { # the file of a package, as the trees see it
    (cd "$debs" && printf '/debs/%s' "$1"_*_all.deb)
}
agent=$(deb agentcore)
kit=$(deb agentcore-conformance)
classic=$(deb waagent)

say() { printf 'try: %s\n' "$*"; }
fail() { printf 'try: FAILED: %s\n' "$*" >&2; exit 1; }

base=${2:-}
if [ -z "$base" ]; then
    base=$work/base
    mmdebstrap --quiet --variant=minbase --include=python3 bookworm "$base" >/dev/null
fi

tree() { # a fresh copy
    root=$work/$1
    cp -a --reflink=auto "$base" "$root"
    mkdir -p "$root/debs"
    cp "$debs"/*_all.deb "$root/debs/"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    in_root apt-get -qq update
}

in_root() { DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$root" "$@" </dev/null; }

apt() { in_root apt-get -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >"$work/log" 2>&1 ||
    { tail -30 "$work/log" >&2; fail "apt-get $*"; }; }

names() { (cd "$root" && find etc usr var/lib var/cache var/log root lib ! -path 'var/lib/dpkg/*' \
    ! -path 'var/lib/apt/*' ! -path 'var/cache/*/archives*' ! -path 'var/log/apt*' \
    ! -path 'var/log/dpkg*' ! -path 'var/cache/apt/*' ! -path 'var/cache/ldconfig/*' \
    ! -path 'etc/systemd/system/multi-user.target.wants' | sort); }

say 'a clean installation'
tree clean
in_root apt-get -s -qq --no-install-recommends install "$agent" |
    sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) \([^)]*\).*/\1 \3/p' >"$work/pulled"
foreign=$(grep -v '^agentcore ' "$work/pulled" | grep -v 'Debian' || :)
[ -z "$foreign" ] || fail "not from Debian: $foreign"
depends=$(grep -v '^agentcore ' "$work/pulled" | cut -d' ' -f1 | tr '\n' ' ')
# shellcheck disable=SC2086 # a list of words
apt install $depends
names >"$work/before"
apt install "$agent"
say "pulled $(wc -l <"$work/pulled") packages, all Debian's; installed size of agentcore" \
    "$(in_root dpkg-query -W -f '${Installed-Size}' agentcore) KiB"
in_root waagent version | sed 's/^/try:   /'
in_root waagent driver explain | grep -q '^driver *debian' || fail 'another driver than debian'
in_root dpkg -V agentcore || fail 'dpkg -V'
[ -e "$root/etc/waagent.conf" ] || fail 'no /etc/waagent.conf'
for unit in waagent waagent-provision; do
    [ -L "$root/etc/systemd/system/multi-user.target.wants/$unit.service" ] ||
        fail "$unit.service is not enabled"
done
mkdir -p "$root/var/lib/waagent" && echo 1 >"$root/var/lib/waagent/provisioned"
echo 'Logs.Verbose=y' >>"$root/etc/waagent.conf"
apt remove agentcore
[ -e "$root/var/lib/waagent/provisioned" ] || fail 'removal deleted the state'
grep -q Verbose "$root/etc/waagent.conf" || fail 'removal deleted the configuration'
apt install "$agent"
grep -q Verbose "$root/etc/waagent.conf" || fail 'a second installation lost an edit'
apt purge agentcore
names >"$work/after"
diff "$work/before" "$work/after" || fail 'purge left something, or took too much'
say 'removal keeps state and edits; purge leaves nothing'

say "an upgrade from Debian's own waagent"
tree upgrade
apt install waagent
say "from $(in_root dpkg-query -W -f '${Version}' waagent)"
mkdir -p "$root/var/lib/waagent"
echo 1 >"$root/var/lib/waagent/provisioned"
echo '# an administrator was here' >>"$root/etc/waagent.conf"
cp "$root/etc/waagent.conf" "$work/edited"
apt install "$classic" "$agent"
say "to $(in_root dpkg-query -W -f '${Version}' waagent), without a question"
cmp "$work/edited" "$root/etc/waagent.conf" || fail 'the edited configuration changed'
[ -e "$root/var/lib/waagent/provisioned" ] || fail 'the upgrade deleted the state'
left=$(find "$root/etc" -name '*.moved-by-waagent' -o -name '*.dpkg-*' -o -name '*walinuxagent*' \
    ! -path '*/systemd/system/walinuxagent.service' -print | grep -v systemd || :)
[ -z "$left" ] || fail "left over: $left"
in_root waagent version | grep -q WALinuxAgent-3 || fail 'the command is not ours'
apt purge waagent
cmp "$work/edited" "$root/etc/waagent.conf" || fail 'purging the transitional package took it'
apt purge agentcore
found=$(find "$root/etc" "$root/usr" "$root/var/lib" "$root/var/log" -name '*waagent*' \
    ! -path '*/var/lib/dpkg/*' ! -path '*/var/lib/apt/*')
[ -z "$found" ] || fail "purge left $found"
say 'state and edits are kept; both packages purge clean'

say 'the kit and the lab'
tree kit
apt install "$agent" "$kit"
in_root agentcore-lab --help >/dev/null || fail 'agentcore-lab --help'
in_root waagent driver list | grep -q agentcore_freebsd || fail 'no driver of FreeBSD'
in_root dpkg -V agentcore-conformance || fail 'dpkg -V'
say 'all held'
