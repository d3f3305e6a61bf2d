# SPDX-License-Identifier: Apache-2.0
# Written by docs/generate.py.
complete -c waagent -f
complete -c waagent -n __fish_use_subcommand -a 'plan' -d 'show every action of a provisioning; change nothing'
complete -c waagent -n __fish_use_subcommand -a 'provision' -d 'provision this machine, or an offline root'
complete -c waagent -n __fish_use_subcommand -a 'config' -d 'show each option and where it comes from, or check a file'
complete -c waagent -n __fish_use_subcommand -a 'show-configuration' -d 'show each option, as the classic agent does'
complete -c waagent -n __fish_use_subcommand -a 'deprovision' -d 'take from a machine what an image must not have'
complete -c waagent -n __fish_use_subcommand -a 'deprovision+user' -d 'the same, with the account that provisioning made'
complete -c waagent -n __fish_use_subcommand -a 'serialconsole' -d 'kernel, boot loader and a login on the serial port'
complete -c waagent -n __fish_use_subcommand -a 'setup-firewall' -d 'let only root connect to the platforms address'
complete -c waagent -n __fish_use_subcommand -a 'register-service' -d 'start the agents service, now and at boot'
complete -c waagent -n __fish_use_subcommand -a 'uninstall' -d 'stop the agent, and start it no more at boot'
complete -c waagent -n __fish_use_subcommand -a 'driver' -d 'drivers: list, explain the choice, capture a machine, new package'
complete -c waagent -n __fish_use_subcommand -a 'daemon' -d 'follow the platforms goal states, in the foreground'
complete -c waagent -n __fish_use_subcommand -a 'start' -d 'the same in the background'
complete -c waagent -n __fish_use_subcommand -a 'run-exthandlers' -d 'the same as daemon: the classic agent has two processes'
complete -c waagent -n __fish_use_subcommand -a 'apply' -d 'carry out one plan of the daemon: what it changes on the machine'
complete -c waagent -n __fish_use_subcommand -a 'status' -d 'how the agent of this machine stands, and what to do'
complete -c waagent -n __fish_use_subcommand -a 'analyze' -d 'where the time of this boot went, or of the last with work'
complete -c waagent -n __fish_use_subcommand -a 'collect-logs' -d 'collect logs, status and configuration into one archive'
complete -c waagent -n __fish_use_subcommand -a 'telemetry' -d 'print what goes out beside the protocols own reports'
complete -c waagent -n __fish_use_subcommand -a 'version' -d 'print the version'
complete -c waagent -n __fish_use_subcommand -a 'help' -d 'print this'
complete -c waagent -l root -r -d "the machine's tree"
complete -c waagent -l driver -r -d "driver NAME or module:function"
complete -c waagent -l conf -r -d "instead of the machine's waagent.conf"
complete -c waagent -l json -d "one JSON object a line"
complete -c waagent -l help -d "the options of a command"
