# SPDX-License-Identifier: Apache-2.0
# Written by docs/generate.py.
# shellcheck shell=bash
_waagent() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    case $before in
        --root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --conf | --ovf) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    esac
    local words="--root --driver --conf --json --help"
    [ "$COMP_CWORD" -gt 1 ] || words="
        plan
        provision
        config
        show-configuration
        deprovision
        deprovision+user
        serialconsole
        setup-firewall
        register-service
        uninstall
        driver
        daemon
        start
        run-exthandlers
        apply
        status
        analyze
        collect-logs
        telemetry
        version
        help"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _waagent waagent
