# SPDX-License-Identifier: Apache-2.0
"""Every option of waagent.conf, declared once: key, type, default, check, help.

A section is a frozen dataclass, a field an option; ``read`` in ``configuration.py`` fills them.
Defaults are those that WALinuxAgent's generic file has long had, so that an image behaves as its
builder expects; where ours differ, the help says so.  Units are in the names.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Optional

from osdrivers.host import Places

from .option import Option, option

_PLACES = Places()


@dataclass(frozen=True)
class ProvisioningSettings:
    """First boot."""

    agent: str = option(
        "Provisioning.Agent",
        "auto",
        "who provisions: auto waits for cloud-init where that is enabled",
        choices=("auto", "waagent", "cloud-init", "disabled"),
    )
    enabled: bool = option(
        "Provisioning.Enabled", True, "n is the same as Provisioning.Agent=disabled"
    )
    use_cloud_init: bool = option(
        "Provisioning.UseCloudInit",
        False,
        "y is the same as Provisioning.Agent=cloud-init",
        historical=True,
    )
    delete_root_password: bool = option(
        "Provisioning.DeleteRootPassword", True, "no password lets root in; keys still do"
    )
    regenerate_ssh_host_keys: bool = option(
        "Provisioning.RegenerateSshHostKeyPair", True, "make fresh SSH host keys for each machine"
    )
    ssh_host_key_type: str = option(
        "Provisioning.SshHostKeyPairType",
        "auto",
        "which host keys; auto (our default, others have rsa) makes all that the server offers",
        choices=("auto", "rsa", "dsa", "ecdsa", "ed25519"),
    )
    monitor_host_name: bool = option(
        "Provisioning.MonitorHostName", True, "publish a host name that changes later"
    )
    monitor_host_name_period_s: int = option(
        "Provisioning.MonitorHostNamePeriod", 30, "seconds between looks at the name", least=1
    )
    decode_custom_data: bool = option(
        "Provisioning.DecodeCustomData", False, "decode custom data from base64"
    )
    execute_custom_data: bool = option(
        "Provisioning.ExecuteCustomData", False, "decode custom data and run it once, as root"
    )
    allow_reset_system_user: bool = option(
        "Provisioning.AllowResetSysUser", False, "allow a password for a system account"
    )
    password_crypt_id: str = option(
        "Provisioning.PasswordCryptId",
        "6",
        "crypt(5) scheme of the password; auto leaves it to the system's own tool and PAM",
        choices=("1", "2a", "2b", "2y", "5", "6", "y", "auto"),
    )
    password_salt_length: int = option(
        "Provisioning.PasswordCryptSaltLength", 10, "characters of salt", least=4, most=16
    )


@dataclass(frozen=True)
class ResourceDiskSettings:
    """The platform's temporary disk."""

    format: bool = option(
        "ResourceDisk.Format", True, "format and mount it, if it is blank, stock or ours"
    )
    filesystem: str = option(
        "ResourceDisk.Filesystem",
        "ext4",
        "file system; ntfs means: leave it as it is",
        choices=("ext3", "ext4", "xfs", "btrfs", "vfat", "ntfs", "ufs", "ufs2"),
    )
    mount_point: str = option("ResourceDisk.MountPoint", "/mnt/resource", "where", kind="path")
    mount_options: Optional[str] = option(
        "ResourceDisk.MountOptions", None, "options for mount -o, comma-separated", none=True
    )
    enable_swap: bool = option("ResourceDisk.EnableSwap", False, "make a swap file on it")
    enable_swap_encryption: bool = option(
        "ResourceDisk.EnableSwapEncryption", False, "encrypt swap, where the system can"
    )
    swap_size_mib: int = option("ResourceDisk.SwapSizeMB", 0, "size of the swap file, MiB")
    preserve_ntfs: bool = option(
        "ResourceDisk.PreserveNtfs", False, "leave even the platform's own NTFS volume alone"
    )


@dataclass(frozen=True)
class SystemSettings:
    """The operating system."""

    driver: Optional[str] = option(
        "OS.Driver", None, "driver NAME or module:function, instead of detection", none=True
    )
    ssh_dir: str = option("OS.SshDir", _PLACES.sshd, "sshd's configuration", kind="path")
    ssh_client_alive_interval_s: int = option(
        "OS.SshClientAliveInterval", 180, "sshd's ClientAliveInterval, seconds; 0 leaves it"
    )
    sudoers_dir: str = option("OS.SudoersDir", _PLACES.sudoers_dir, "sudo's", kind="path")
    password_path: str = option("OS.PasswordPath", _PLACES.shadow, "shadow file", kind="path")
    home_dir: str = option("OS.HomeDir", _PLACES.home, "where homes are", kind="path")
    openssl_path: Optional[str] = option(
        "OS.OpensslPath", None, "the openssl command; None finds it", none=True, kind="path"
    )
    enable_fips: bool = option("OS.EnableFIPS", False, "use FIPS-approved ciphers only")
    root_device_scsi_timeout_s: Optional[int] = option(
        "OS.RootDeviceScsiTimeout", 300, "timeout of SCSI disks, seconds", none=True, kind="int"
    )


@dataclass(frozen=True)
class PlatformSettings:
    """Talking to the platform."""

    endpoint_discovery: str = option(
        "Protocol.EndpointDiscovery",
        "dhcp",
        "dhcp asks the DHCP server; static uses the well-known address",
        choices=("dhcp", "static"),
    )
    dvd_mount_point: str = option(
        "DVD.MountPoint", "/mnt/cdrom/secure", "where the provisioning disc is mounted", kind="path"
    )
    detect_scvmm: bool = option("DetectScvmmEnv", False, "look for a VMM configuration disc")
    state_consumer: Optional[str] = option(
        "Role.StateConsumer",
        None,
        "program run with the argument Ready before Ready is reported",
        none=True,
        kind="path",
        historical=True,
    )


@dataclass(frozen=True)
class AgentSettings:
    """The agent itself."""

    state_dir: str = option("Lib.Dir", _PLACES.state, "state; see docs", kind="path")
    pid_file: str = option("Pid.File", "/var/run/waagent.pid", "lock file", kind="path")
    verbose: bool = option("Logs.Verbose", False, "more in the log")
    console: bool = option("Logs.Console", True, "progress of first boot on /dev/console")


@dataclass(frozen=True)
class ExtensionSettings:
    """Extensions: programs that the platform asks for."""

    enabled: bool = option("Extensions.Enabled", True, "do what the platform asks for; n refuses")
    allow: Optional[str] = option(
        "Extensions.Allow",
        None,
        "patterns of names, e.g. Microsoft.Azure.*, apart by blanks: no others are let in",
        none=True,
    )
    deny: Optional[str] = option(
        "Extensions.Deny", None, "patterns of names that are never let in", none=True
    )
    require_signature: bool = option(
        "Extensions.RequireSignature", False, "refuse packages that are not signed and verified"
    )
    signature_roots: Optional[str] = option(
        "Extensions.SignatureRoots",
        None,
        "file with the certificates (PEM) that signatures must lead to",
        none=True,
        kind="path",
    )
    wait_for_cloud_init: bool = option(
        "Extensions.WaitForCloudInit", False, "begin when cloud-init has finished"
    )
    wait_for_cloud_init_timeout_s: int = option(
        "Extensions.WaitForCloudInitTimeout", 3600, "seconds to wait for it at most"
    )
    log_dir: str = option("Extension.LogDir", "/var/log/azure", "logs of extensions", kind="path")
    policy_enabled: bool = option(
        "Debug.EnableExtensionPolicy", False, "heed the policy file, if there is one"
    )
    policy_file: str = option(
        "Policy.PolicyFilePath", "/etc/waagent_policy.json", "the policy file", kind="path"
    )


@dataclass(frozen=True)
class DaemonSettings:
    """The resident part: how often it looks, and at what."""

    goal_state_period_s: int = option(
        "Extensions.GoalStatePeriod", 6, "seconds between questions to the platform", least=1
    )
    fast_track: bool = option(
        "Debug.EnableFastTrack", True, "ask the host's plugin for goal states too"
    )
    quiet: int = option(
        "Agent.QuietFactor",
        1,
        "every period is multiplied with this; above 1 for machines that must not be disturbed",
        least=1,
        most=1000,
    )
    firewall: bool = option(
        "OS.EnableFirewall", True, "only root may open connections to the wire server"
    )
    firewall_period_s: int = option(
        "OS.EnableFirewallPeriod", 300, "seconds between looks at the rules", least=1
    )
    dhcp_period_s: int = option(
        "OS.MonitorDhcpClientRestartPeriod",
        30,
        "seconds between looks for a DHCP client that was restarted",
        least=1,
    )
    interface_names_period_s: int = option(
        "OS.RemovePersistentNetRulesPeriod",
        30,
        "seconds between looks for names kept for interfaces that are gone",
        least=1,
    )
    scsi_timeout_period_s: int = option(
        "OS.RootDeviceScsiTimeoutPeriod", 30, "seconds between looks at new disks", least=1
    )
    probe: bool = option("LBProbeResponder", True, "answer the load balancer where it is wanted")
    update_policy: str = option(
        "AutoUpdate.Policy",
        "distro",
        "the package manager updates the agent; with notify the platform's wish is logged too",
        choices=("distro", "notify"),
    )
    proxy_host: Optional[str] = option(
        "HttpProxy.Host", None, "the proxy for storage; None uses none", none=True
    )
    proxy_port: Optional[int] = option(
        "HttpProxy.Port", None, "its port; None is 80", none=True, kind="int", least=1, most=65535
    )
    log_format: str = option(
        "Logs.Format", "text", "lines for people or JSON objects", choices=("text", "json")
    )
    store_limit_mib: int = option("Store.LimitMiB", 64, "what its own files may take", least=1)
    store_limit_files: int = option("Store.LimitFiles", 2000, "how many there may be", least=100)
    store_limit_days: int = option("Store.LimitDays", 30, "how long they are kept", least=1)


@dataclass(frozen=True)
class Settings:
    """All sections."""

    provisioning: ProvisioningSettings = ProvisioningSettings()
    resource_disk: ResourceDiskSettings = ResourceDiskSettings()
    system: SystemSettings = SystemSettings()
    platform: PlatformSettings = PlatformSettings()
    agent: AgentSettings = AgentSettings()
    extensions: ExtensionSettings = ExtensionSettings()
    daemon: DaemonSettings = DaemonSettings()


#: Keys of parts that are not here yet: accepted, without effect.
_LATER = """
    AutoUpdate.Enabled AutoUpdate.GAFamily AutoUpdate.UpdateToLatestVersion Autoupdate.Frequency
    CGroups.EnforceLimits CGroups.Enabled CGroups.Excluded Debug.AgentCpuQuota
    Debug.AgentCpuThrottledTimeThreshold Debug.AgentMemoryQuota Debug.CgroupCheckPeriod
    Debug.CgroupDisableOnProcessCheckFailure Debug.CgroupDisableOnQuotaCheckFailure
    Debug.CgroupLogMetrics Debug.EnableAgentMemoryUsageCheck
    Debug.EnableCgroupV2ResourceLimiting Debug.EnableGAVersioning Debug.EnableRsmDowngrade
    Debug.EnableSignatureValidation Debug.EtpCollectionPeriod Debug.FirewallRulesLogPeriod
    Debug.LogCollectorInitialDelay Debug.SelfUpdateHotfixFrequency
    Debug.SelfUpdateRegularFrequency EnableOverProvisioning Extensions.InitialGoalStatePeriod
    Home.Dir Host.NdDriverVersion Logs.Collect Logs.CollectPeriod Logs.File
    Monitor.NetworkConfigurationChanges Network.Interface OS.AllowHTTP OS.CheckRdmaDriver
    OS.EnableRDMA OS.PackageExtraConfig OS.PersistentNetNames OS.RdmaRepository
    OS.SshdConfigPath OS.UpdateRdmaDriver Role.ConfigurationConsumer Role.TopologyConsumer
"""
LATER = frozenset(_LATER.split())


def options() -> dict[str, tuple[str, str, Option]]:
    """Key -> (section, field, declaration), in the order of declaration."""
    found = {}
    for section in fields(Settings):
        for each in fields(section.default):  # type: ignore[arg-type]
            declared: Option = each.metadata["option"]
            found[declared.key] = (section.name, each.name, declared)
    return found
