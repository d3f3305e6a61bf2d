# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of the shape of Azure's second generation, in software emulation.

Disk at LUN 0, resource disk at LUN 1, optical drives from LUN 2 on, and the firmware tables by
which software recognises Azure.  QEMU's own processor signature is hidden, or systemd-detect-virt
would believe that.  Source: qemu-system-x86_64(1), QEMU QMP reference, smbios(4).
"""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from lab.platform import commands
from osdrivers.errors import FactError, OperationError

from .image import ROOT_LABEL, Image
from .network import MAC, TAP

DISK = "disk.qcow2"
_FIRMWARE = "Hyper-V UEFI Release v4.1"
_MAKER = "Microsoft Corporation"
_CHASSIS = "7783-7084-3265-9085-8269-3286-77"
# The last four only save time.  (svm=off of the processor would too, but Debian's systemd 252 then
# fails to mount anything under QEMU 7.2.)
_KERNEL_WORDS = (
    f"root=LABEL={ROOT_LABEL} console=ttyS0 net.ifnames=0 panic=-1"
    " loglevel=6 cryptomgr.notests mitigations=off modprobe.blacklist=kvm_amd"
)
_ANSWER_LIMIT_S = 20.0
_END_LIMIT_S = 10.0


@dataclass(frozen=True)
class Hardware:
    """What is plugged in.  A drive that is None is empty; ``vm_id`` as the platform writes it."""

    image: Image
    vm_id: str
    resource_disk: Optional[Path] = None
    drives: tuple[Optional[Path], ...] = ()
    memory_mib: int = 1024
    processors: int = 2


class VirtualMachine:
    """One machine with a disk of its own over the image, which stays as it is.

    ``place`` holds its ``disk``, its console (``console.log``) and QEMU's messages (``qemu.log``).
    """

    def __init__(self, hardware: Hardware, place: Path) -> None:
        self.hardware = hardware
        self.console = place / "console.log"
        self.started_s = 0.0
        self._log = place / "qemu.log"
        self.disk = place / DISK
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._greeted = False

    def __enter__(self) -> VirtualMachine:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Switch it on, with the disk it had before, or a fresh one the first time.

        :raises OperationError: QEMU ended at once.
        """
        if not self.disk.exists():
            backing = ("-b", str(self.hardware.image.disk.resolve()), "-F", "raw")
            commands.run(("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self.disk)))
        self.started_s = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self._greeted = False
        self.ask("query-status")

    def stop(self) -> None:
        """Pull the plug, if it runs, and drop the disk, which nothing needs any more."""
        self.switch_off()
        self.disk.unlink(missing_ok=True)

    def switch_off(self) -> None:
        """Pull the plug; the disk stays for the next start."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate(timeout=_END_LIMIT_S)
        self._process = None

    def wait_off(self, limit_s: float) -> None:
        """Come back when the guest has switched itself off; the disk stays.

        :raises OperationError: it did not within ``limit_s`` seconds.
        """
        assert self._process is not None
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired as error:
            text = f"the machine is not off after {limit_s:g} s"
            raise OperationError(text, hint=f"see {self.console}") from error
        self.switch_off()

    def require_running(self) -> None:
        """Check that QEMU lives.

        :raises OperationError: it ended; its last words are in the message.
        """
        status = None if self._process is None else self._process.poll()
        if self._process is None or status is not None:
            said = self._log.read_text(errors="replace").strip() if self._log.exists() else ""
            raise OperationError(
                f"the virtual machine ended with {status}: {said[-300:]}",
                hint=f"see {self.console}",
            )

    def console_text(self) -> str:
        """What came over the serial line so far."""
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def processor_s(self) -> float:
        """Seconds of this machine's processors that QEMU has used since its start."""
        self.require_running()
        assert self._process is not None
        words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / 100.0

    def tray_open(self, drive: int) -> bool:
        """Whether the guest opened the tray of that optical drive, which is what eject(1) does."""
        for block in self.ask("query-block"):
            if block.get("device") == f"cd{drive}":
                return bool(block.get("tray_open", False))
        raise FactError(f"QEMU does not know the drive cd{drive}")

    def ask(self, command: str, **arguments: object) -> Any:
        """Give one QMP command and return its result.

        :raises OperationError: QEMU ended, refused, or did not answer.
        """
        if not self._greeted:
            self._read("QMP")
            self._greeted = True
            self.ask("qmp_capabilities")
        assert self._process is not None and self._process.stdin is not None
        line = json.dumps({"execute": command, "arguments": arguments})
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self.require_running()
            raise
        answer = self._read("return", "error")
        if "error" in answer:
            raise OperationError(f"QEMU refused {command}: {answer['error'].get('desc')}")
        return answer["return"]

    def _read(self, *keys: str) -> Mapping[str, Any]:
        """The next message with one of ``keys``; events in between are passed over."""
        assert self._process is not None and self._process.stdout is not None
        deadline_s = time.monotonic() + _ANSWER_LIMIT_S
        while time.monotonic() < deadline_s:
            ready, _, _ = select.select([self._process.stdout], [], [], 1.0)
            line = self._process.stdout.readline() if ready else b""
            if ready and not line:
                self.require_running()
            message = json.loads(line) if line else {}
            if any(key in message for key in keys):
                return dict(message)
        raise OperationError(f"QEMU gave no answer within {_ANSWER_LIMIT_S:g} s")

    def _command(self) -> tuple[str, ...]:
        hardware = self.hardware
        argv = [
            "qemu-system-x86_64", "-accel", "tcg,thread=multi",
            "-cpu", "max,hypervisor=off",
            "-smp", str(hardware.processors), "-m", str(hardware.memory_mib), "-nodefaults",
            "-display", "none", "-qmp", "stdio",
            "-chardev", f"file,id=console,path={_value(self.console)},append=on",
            "-serial", "chardev:console", "-device", "virtio-rng-pci",
            "-kernel", str(hardware.image.kernel), "-initrd", str(hardware.image.initrd),
            "-append", _KERNEL_WORDS,
            "-smbios", f"type=0,vendor={_MAKER},version={_FIRMWARE}",
            "-smbios", f"type=1,manufacturer={_MAKER},product=Virtual Machine,version={_FIRMWARE}"
            f",uuid={hardware.vm_id}",
            "-smbios", f"type=3,manufacturer={_MAKER},asset={_CHASSIS}",
            "-netdev", f"tap,id=net0,ifname={TAP},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net0,mac={MAC}",
            "-device", "virtio-scsi-pci,id=scsi",
            *_disk("os", self.disk, "qcow2", 0),
        ]  # fmt: skip
        if hardware.resource_disk is not None:
            argv += _disk("resource", hardware.resource_disk, "raw", 1)
        for number, medium in enumerate(hardware.drives):
            argv += _drive(number, medium)
        return tuple(argv)


def _value(path: Path) -> str:
    """A path inside an option list of QEMU, where a comma is written twice."""
    return str(path).replace(",", ",,")


def _disk(name: str, path: Path, form: str, lun: int) -> list[str]:
    options = "if=none,cache=unsafe,discard=unmap"
    return [
        "-drive", f"{options},id={name},format={form},file={_value(path)}",
        "-device", f"scsi-hd,bus=scsi.0,scsi-id=0,lun={lun},drive={name},serial=lab-{name}",
    ]  # fmt: skip


def _drive(number: int, medium: Optional[Path]) -> list[str]:
    file = "" if medium is None else f",format=raw,file={_value(medium)}"
    return [
        "-drive", f"if=none,media=cdrom,readonly=on,id=cd{number}{file}",
        "-device", f"scsi-cd,bus=scsi.0,scsi-id=0,lun={2 + number},drive=cd{number}",
    ]  # fmt: skip
