#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sample extension: handler.sh COMMAND TEMPER.  It is called as the platform's extensions are, in
# its own directory, and keeps a line for each call in CALLS, beside the directories of all versions.
set -u
command=$1 temper=$2
here=$(pwd -P)
kind=$(basename "${here%-*}") version=${here##*-}
sequence=${ConfigSequenceNumber:-none} instance=${ConfigExtensionName:-}
CALLS=${here%/*}/$kind.calls

echo "$command $version $sequence ${instance:--} $temper" >>"$CALLS"

status() { # status WORD MESSAGE: as the platform's extensions report, whole or not at all
    file=status/${instance:+$instance.}$sequence.status
    cat >"$file.new" <<EOF
[{"version": 1.0, "timestampUTC": "2030-01-01T00:00:00Z", "status": {"name": "$kind",
  "operation": "$command", "status": "$1", "code": 0,
  "formattedMessage": {"lang": "en-US", "message": "$2"}}}]
EOF
    mv "$file.new" "$file"
}

case $command:$temper in
    install:failing-install | update:failing-update | disable:failing-disable | uninstall:failing-uninstall)
        echo "it is my nature to fail at $command" >&2
        exit 17
        ;;
    enable:failing)
        status error "it is my nature to fail"
        exit 17
        ;;
    enable:reporting-error) status error "enabled, and not well" ;;
    enable:transitioning) status transitioning "never done" ;;
    enable:crashing) kill -SEGV $$ ;;
    enable:slow)
        status transitioning "taking my time"
        sleep "${SAMPLE_SECONDS:-5}"
        status success "at last"
        ;;
    enable:chatty)
        head -c 12582912 /dev/zero | tr '\0' 'x' | fold -w 79
        head -c 1048576 /dev/zero | tr '\0' 'y' >&2
        status success "said it all"
        ;;
    enable:forking) # the child keeps the output open long after the command's end
        sleep 3600 &
        echo $! >>"$CALLS.pids"
        status success "my child goes on"
        ;;
    enable:deaf)
        trap '' TERM HUP INT
        echo $$ >>"$CALLS.pids"
        status transitioning "will not stop"
        while :; do sleep 3600; done
        ;;
    enable:giant-status)
        status success "$(head -c 2097152 /dev/zero | tr '\0' 'z')"
        ;;
    enable:bad-status) printf '[{"status": {"status": "succ' >"status/${instance:+$instance.}$sequence.status" ;;
    enable:no-status) ;;
    enable:meddling) # with files that are the agent's
        printf garbage >config/HandlerState
        printf garbage >config/HandlerStatus
        printf garbage >HandlerEnvironment.json
        rm -f HandlerManifest.json
        status success "all mine"
        ;;
    enable:heartbeat)
        printf '[{"heartbeat": {"status": "Ready", "code": 0, "formattedMessage": {"lang": "en-US", "message": "beats"}}}]' \
            >heartbeat.log
        status success "alive"
        ;;
    enable:secretive) # proves that the protected settings can be read, and tells their digest only
        file=config/${instance:+$instance.}$sequence.settings
        thumbprint=$(sed -n 's/.*"protectedSettingsCertThumbprint": *"\([0-9A-Fa-f]*\)".*/\1/p' "$file")
        digest=$(sed -n 's/.*"protectedSettings": *"\([^"]*\)".*/\1/p' "$file" | openssl base64 -d -A |
            openssl cms -decrypt -inform DER -inkey "${here%/*}/$thumbprint.prv" \
                -recip "${here%/*}/$thumbprint.crt" | sha256sum | cut -d' ' -f1)
        status success "$digest"
        ;;
    enable:*) status success "enabled $version with $sequence" ;;
esac
