#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a fresh clone ready.  Asks nothing, needs only a POSIX shell, and is quick when all is there.
#
#   scripts/bootstrap.sh environment            .venv with the project and what its tests need
#   scripts/bootstrap.sh tools demo|test|vm|packages     system tools: installed as root, else named in a line
#   scripts/bootstrap.sh need vm                the same, but fails where a tool stays missing
#
# PYTHON names the interpreter to use; without it the first of 3.9 or later that can make a venv is.
set -eu
cd "$(dirname "$0")/.."
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export PATH
LOCK_WAIT_S=600

say() { printf 'bootstrap: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# --- packages ---------------------------------------------------------------------------------

package_tool() {
    for tool in apt-get dnf zypper; do
        if command -v "$tool" >/dev/null 2>&1; then echo "$tool"; return; fi
    done
}

install_command() { # the command for these packages, in one line
    case $1 in
        apt-get) shift; echo "apt-get install -y --no-install-recommends $*" ;;
        dnf) shift; echo "dnf install -y $*" ;;
        zypper) shift; echo "zypper --non-interactive install --no-recommends $*" ;;
    esac
}

package_of() { # package_of TOOL COMMAND: what provides a command
    case $1:$2 in
        apt-get:ssh | apt-get:ssh-keygen) echo openssh-client ;;
        *:ssh | *:ssh-keygen) echo openssh-clients ;;
        *:sshd) echo openssh-server ;;
        *:mke2fs) echo e2fsprogs ;;
        *:mkfs.xfs) echo xfsprogs ;;
        zypper:mkfs.btrfs) echo btrfsprogs ;;
        *:mkfs.btrfs) echo btrfs-progs ;;
        *:mkfs.vfat) echo dosfstools ;;
        apt-get:mkntfs) echo ntfs-3g ;;
        *:mkntfs) echo ntfsprogs ;;
        *:pvcreate) echo lvm2 ;;
        apt-get:cryptsetup) echo cryptsetup-bin ;;
        *:mkfs.exfat) echo exfatprogs ;;
        *:mkfs.f2fs) echo f2fs-tools ;;
        apt-get:mkfs.nilfs2) echo nilfs-tools ;;
        *:mkfs.nilfs2) echo nilfs-utils ;;
        *:mkfs.jfs) echo jfsutils ;;
        zypper:mkreiserfs) echo reiserfs ;;
        *:mkreiserfs) echo reiserfsprogs ;;
        zypper:mksquashfs) echo squashfs ;;
        *:mksquashfs) echo squashfs-tools ;;
        *:mkfs.erofs) echo erofs-utils ;;
        *:make-bcache) echo bcache-tools ;;
        *:mkudffs) echo udftools ;;
        *:mkfs.gfs2) echo gfs2-utils ;;
        *:dmsetup) echo dmsetup ;;
        apt-get:sfdisk) echo fdisk ;;
        apt-get:update-grub) echo grub2-common ;;
        apt-get:grub-mkconfig) echo grub-common ;;
        apt-get:losetup) echo mount ;;
        apt-get:eject) echo eject ;;
        *:sfdisk | *:losetup | *:eject | *:unshare) echo util-linux ;;
        zypper:genisoimage) echo mkisofs ;;
        dnf:ip) echo iproute ;;
        *:ip) echo iproute2 ;;
        apt-get:useradd) echo passwd ;;
        dnf:useradd) echo shadow-utils ;;
        *:useradd) echo shadow ;;
        apt-get:qemu-system-x86_64) echo qemu-system-x86 ;;
        dnf:qemu-system-x86_64) echo qemu-system-x86-core ;;
        zypper:qemu-system-x86_64) echo qemu-x86 ;;
        apt-get:dnsmasq) echo dnsmasq-base ;;
        apt-get:dhclient) echo isc-dhcp-client ;;
        dnf:dhclient | zypper:dhclient) echo dhcp-client ;;
        apt-get:dhcpcd) echo dhcpcd-base ;;
        apt-get:dbus-daemon) echo dbus-daemon ;;
        apt-get:NetworkManager) echo network-manager ;;
        apt-get:qemu-img) echo qemu-utils ;;
        zypper:qemu-img) echo qemu-tools ;;
        *:setpriv) echo util-linux ;;
        *:nft) echo nftables ;;
        *:firewall-cmd) echo firewalld ;;
        apt-get:groff | dnf:groff) echo groff-base ;;
        apt-get:rpmbuild) echo rpm ;;
        apt-get:dpkg-buildpackage) echo dpkg-dev ;;
        apt-get:dh) echo debhelper ;;
        apt-get:dh_python3) echo dh-python ;;
        *:setfiles) echo policycoreutils ;;
        *:rpmbuild) echo rpm-build ;;
        apt-get:createrepo_c) echo createrepo-c ;;
        *) echo "$2" ;;
    esac
}

GUARD=/usr/sbin/policy-rc.d
GUARD_MARK='# written by agentcore scripts/bootstrap.sh, may be deleted'

guard() { # no service of this host is started by installing its package: invoke-rc.d(8)
    if [ -e "$GUARD" ] && ! grep -qF "$GUARD_MARK" "$GUARD"; then return; fi
    trap 'rm -f "$GUARD"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\n%s\nexit 101\n' "$GUARD_MARK" >"$GUARD"
    chmod 755 "$GUARD"
}

unguard() {
    trap - EXIT HUP INT TERM
    if [ -e "$GUARD" ] && grep -qF "$GUARD_MARK" "$GUARD"; then rm -f "$GUARD"; fi
}

install_packages() { # install_packages TOOL PACKAGE...
    tool=$1
    shift
    say "installing $*"
    case $tool in
        apt-get)
            guard
            DEBIAN_FRONTEND=noninteractive
            export DEBIAN_FRONTEND
            set -- -o DPkg::Lock::Timeout=$LOCK_WAIT_S -y -qq --no-install-recommends install "$@"
            apt-get "$@" </dev/null >&2 ||
                { apt-get -qq -o DPkg::Lock::Timeout=$LOCK_WAIT_S update </dev/null >&2 &&
                    apt-get "$@" </dev/null >&2; } || status=$?
            unguard
            ;;
        dnf) dnf install -y "$@" </dev/null >&2 || status=$? ;;
        zypper)
            zypper --non-interactive install --no-recommends "$@" </dev/null >&2 || status=$?
            ;;
    esac
    return "${status:-0}"
}

# --- system tools -----------------------------------------------------------------------------

DEMO='sshd ssh ssh-keygen sshpass sudo useradd mke2fs sfdisk parted losetup unshare ip openssl
    genisoimage'
# The file systems and volumes that the guard of disks must know are made with their own tools.
VOLUMES='mkntfs pvcreate cryptsetup mdadm mkfs.exfat mkfs.f2fs mkfs.nilfs2 mkfs.jfs mkreiserfs
    mksquashfs mkfs.erofs make-bcache mkudffs mkfs.gfs2 dmsetup'
FILTERS='nft iptables firewall-cmd'
BOOT=
if [ -e /etc/debian_version ]; then BOOT='update-grub grub-mkconfig'; fi # only Debian's are compared
# The clients that tell a DHCP server the host name, and the server.
LEASES='dnsmasq dhclient dhcpcd udhcpc dbus-daemon NetworkManager'
PACKAGES='rpmbuild createrepo_c dnf zypper setfiles'
MANUALS='groff mandoc'
TEST="$DEMO mkfs.xfs mkfs.btrfs mkfs.vfat $VOLUMES $FILTERS $BOOT $LEASES $PACKAGES $MANUALS"
BUILD='dpkg-buildpackage dh dh_python3 lintian rpmbuild rpmlint mksquashfs'
VM="$DEMO qemu-system-x86_64 qemu-img mmdebstrap dnsmasq setpriv dpkg-buildpackage dh dh_python3"

absent() { # those of the commands that are not installed
    for command in "$@"; do
        command -v "$command" >/dev/null 2>&1 || printf '%s ' "$command"
    done
}

tools() { # tools SET: status 1 when something stays missing
    case $1 in
        demo) wanted=$DEMO ;;
        test) wanted=$TEST ;;
        vm) wanted=$VM ;;
        packages) wanted=$BUILD ;;
        *) die "no set of tools is called $1" ;;
    esac
    # shellcheck disable=SC2086 # lists of words
    missing=$(absent $wanted)
    [ -n "$missing" ] || return 0
    manager=$(package_tool)
    packages=$(for command in $missing; do package_of "$manager" "$command"; done | sort -u |
        tr '\n' ' ')
    packages=${packages% }
    if [ -z "$manager" ]; then
        say "missing: ${missing% }; install the packages that provide them"
        return 1
    fi
    # shellcheck disable=SC2086
    if is_root && install_packages "$manager" $packages; then
        missing=$(absent $wanted)
        [ -n "$missing" ] || return 0
    fi
    # shellcheck disable=SC2086
    say "missing: ${missing% }; as root: $(install_command "$manager" $packages)"
    return 1
}

build_libraries() { # what the tests of a package's build import, by the names in its control file
    command -v dpkg-checkbuilddeps >/dev/null 2>&1 || return 0
    lacking=$(dpkg-checkbuilddeps packaging/deb/control 2>&1 | sed -n 's/.*dependencies: //p' |
        sed 's/([^)]*)//g; s/ | [^ ]*//g')
    [ -n "$lacking" ] || return 0
    # shellcheck disable=SC2086 # a list of words
    if is_root && install_packages apt-get $lacking; then return 0; fi
    # shellcheck disable=SC2086
    say "missing: $lacking; as root: $(install_command apt-get $lacking)"
    return 1
}

# --- the Python environment -------------------------------------------------------------------

VENV=.venv
STAMP=$VENV/.made

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; }
can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

interpreters() { # candidates, best first
    if [ -n "${PYTHON:-}" ]; then echo "$PYTHON"; return; fi
    echo python3
    for minor in 13 12 11 10 9 14; do echo "python3.$minor"; done
    echo /usr/bin/python3
}

choose_python() { # prints an interpreter that can make a venv
    for candidate in $(interpreters); do
        if recent "$candidate" && can_make_venv "$candidate"; then echo "$candidate"; return; fi
    done
    return 1
}

provide_python() { # installs what the interpreter lacks, or says so in one line
    packages='python3'
    manager=$(package_tool)
    if [ "$manager" = apt-get ]; then packages='python3 python3-venv'; fi
    for candidate in $(interpreters); do
        if recent "$candidate" && [ "$manager" = apt-get ]; then
            version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            packages="python$version-venv"
            break
        fi
    done
    [ -n "$manager" ] || die "no Python 3.9 or later with venv and ensurepip; install one"
    # shellcheck disable=SC2086
    is_root || die "no Python 3.9 or later with venv and ensurepip; as root:" \
        "$(install_command "$manager" $packages)"
    # shellcheck disable=SC2086
    install_packages "$manager" $packages ||
        die "no Python 3.9 or later with venv, and installing $packages failed"
}

fingerprint() { # what the environment was made for: a moved clone or a changed dependency differs
    pwd -P
    cat requirements-dev.txt setup.cfg setup.py pyproject.toml freebsd/setup.cfg \
        freebsd/setup.py freebsd/pyproject.toml | cksum
}

ready() {
    [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$wanted" ] && "$VENV/bin/python" -c '' 2>/dev/null
}

make_environment() {
    if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        python=$(choose_python) || { provide_python; python=$(choose_python) || exit 1; }
        say "making $VENV with $("$python" --version 2>&1)"
        "$python" -m venv --clear "$VENV"
    fi
    say "installing the project and what its tests need into $VENV"
    # Both by path: a name on an index may belong to somebody else.
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        -r requirements-dev.txt -e . -e ./freebsd </dev/null >&2
    printf '%s\n' "$wanted" >"$STAMP"
}

environment() {
    wanted=$(fingerprint)
    if ready; then return; fi
    if command -v flock >/dev/null 2>&1; then # two makes at once must not fill one directory
        mkdir -p .cache
        exec 9>.cache/bootstrap.lock
        flock -w $LOCK_WAIT_S 9 || die "another bootstrap holds .cache/bootstrap.lock"
        if ready; then return; fi
    fi
    make_environment
}

case ${1:-} in
    environment) environment ;;
    tools) tools "${2:-}" || : ;;
    need)
        tools "${2:-}"
        if [ "${2:-}" = packages ]; then build_libraries; fi
        ;;
    *) die "usage: scripts/bootstrap.sh environment | tools SET | need SET" ;;
esac
