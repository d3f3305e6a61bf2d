# SPDX-License-Identifier: Apache-2.0
"""Options that have a meaning elsewhere, or will have one here: checked, and without effect.

``settings.LATER`` names those whose part of the agent is not here; ``waagent config check`` tells
what is wrong with a value of theirs as well.  Source: P 9.2; WALinuxAgent's README, 2.0 to 2.15.
"""

from __future__ import annotations

from typing import Any

from .option import Option
from .settings import LATER


def _known(key: str, default: Any, help: str, **check: Any) -> Option:
    kind = check.pop("kind", None) or {bool: "bool", int: "int"}.get(type(default), "str")
    return Option(key, help, kind, default, none=default is None, **check)


_DEBUG = "Debug."
_ALL = (
    _known("AutoUpdate.Enabled", False, "update the agent itself; never done as packaged"),
    _known("AutoUpdate.UpdateToLatestVersion", False, "the same, under its newer name"),
    _known("AutoUpdate.GAFamily", "Prod", "which family of updates"),
    _known("Autoupdate.Frequency", 3600, "seconds between looks for an update", least=1),
    _known("CGroups.Enabled", True, "limit extensions", historical=True),
    _known("CGroups.EnforceLimits", True, "limit extensions", historical=True),
    _known("CGroups.Excluded", "customscript,runcommand", "those not limited", historical=True),
    _known(_DEBUG + "AgentCpuQuota", 50, "percent of one processor for the agent", most=100),
    _known(_DEBUG + "AgentCpuThrottledTimeThreshold", 120, "seconds of being throttled"),
    _known(_DEBUG + "AgentMemoryQuota", 31457280, "bytes for the agent"),
    _known(_DEBUG + "CgroupCheckPeriod", 300, "seconds between looks at limits", least=1),
    _known(_DEBUG + "CgroupDisableOnProcessCheckFailure", True, "no limits after a failed look"),
    _known(_DEBUG + "CgroupDisableOnQuotaCheckFailure", True, "no limits after a failed look"),
    _known(_DEBUG + "CgroupLogMetrics", False, "log what is used"),
    _known(_DEBUG + "EnableAgentMemoryUsageCheck", False, "end when too much memory is used"),
    _known(_DEBUG + "EnableCgroupV2ResourceLimiting", True, "limits under cgroup 2"),
    _known(_DEBUG + "EnableExtensionPolicy", False, "read the policy file"),
    _known(_DEBUG + "EnableFastTrack", True, "ask the host's plugin for goal states too"),
    _known(_DEBUG + "EnableGAVersioning", True, "let the platform name the agent's version"),
    _known(_DEBUG + "EnableRsmDowngrade", False, "let it name an older one"),
    _known(_DEBUG + "EnableSignatureValidation", False, "check signatures of extensions"),
    _known(_DEBUG + "EtpCollectionPeriod", 300, "seconds between collections of events", least=1),
    _known(_DEBUG + "FirewallRulesLogPeriod", 86400, "seconds between listings of rules", least=1),
    _known(_DEBUG + "LogCollectorInitialDelay", 300, "seconds before logs are collected"),
    _known(_DEBUG + "SelfUpdateHotfixFrequency", 14400, "seconds between updates", least=1),
    _known(_DEBUG + "SelfUpdateRegularFrequency", 86400, "seconds between updates", least=1),
    _known("EnableOverProvisioning", True, "tolerate machines made in excess"),
    _known("Extension.LogDir", "/var/log/azure", "logs of extensions", kind="path"),
    _known("Extensions.Enabled", True, "run extensions"),
    _known("Extensions.GoalStatePeriod", 6, "seconds between looks at the goal", least=1),
    _known("Extensions.InitialGoalStatePeriod", 6, "the same until the first is reached", least=1),
    _known("Extensions.WaitForCloudInit", False, "extensions wait for cloud-init"),
    _known("Extensions.WaitForCloudInitTimeout", 3600, "for so many seconds", least=1),
    _known("Home.Dir", "/home", "see OS.HomeDir", kind="path", historical=True),
    _known("Host.NdDriverVersion", None, "version of the RDMA driver", historical=True),
    _known("HttpProxy.Host", None, "proxy for downloads of extensions"),
    _known("HttpProxy.Port", None, "its port", kind="int", least=1, most=65535),
    _known("LBProbeResponder", True, "answer the load balancer's probe", historical=True),
    _known("Logs.Collect", False, "upload logs when the platform asks"),
    _known("Logs.CollectPeriod", 3600, "seconds between uploads", least=1),
    _known("Logs.File", "/var/log/waagent.log", "the log", kind="path", historical=True),
    _known("Monitor.NetworkConfigurationChanges", False, "log changes of the network"),
    _known("Network.Interface", None, "the interface to the platform", historical=True),
    _known("OS.AllowHTTP", False, "download extensions without TLS"),
    _known("OS.CheckRdmaDriver", False, "look at the RDMA driver"),
    _known("OS.EnableFirewall", True, "only root speaks to the wire server"),
    _known("OS.EnableFirewallPeriod", 300, "seconds between looks at the rules", least=1),
    _known("OS.EnableRDMA", False, "set RDMA up"),
    _known("OS.MonitorDhcpClientRestartPeriod", 30, "seconds between looks", least=1),
    _known("OS.PackageExtraConfig", None, "JSON for the RDMA package", historical=True),
    _known("OS.PersistentNetNames", False, "keep names of interfaces", historical=True),
    _known("OS.RdmaRepository", None, "repository of the RDMA driver", historical=True),
    _known("OS.RemovePersistentNetRulesPeriod", 30, "seconds between looks", least=1),
    _known("OS.RootDeviceScsiTimeoutPeriod", 30, "seconds between looks", least=1),
    _known("OS.SshdConfigPath", None, "see OS.SshDir", kind="path", historical=True),
    _known("OS.UpdateRdmaDriver", False, "update the RDMA driver"),
    _known("Policy.PolicyFilePath", "/etc/waagent_policy.json", "the policy", kind="path"),
    _known("Role.ConfigurationConsumer", None, "program run on a change", kind="path",
           historical=True),
    _known("Role.TopologyConsumer", None, "program run on a change", kind="path", historical=True),
)  # fmt: skip


def later() -> dict[str, Option]:
    """Key -> declaration of each option that is accepted without effect."""
    return {each.key: each for each in _ALL if each.key in LATER}
