# SPDX-License-Identifier: Apache-2.0
"""The contract of a driver as tests that anybody can run over a driver of their own.

::

    pytest --pyargs osdrivers.conformance --driver module:function --root MACHINE
           [--bed NAME ...] [--report-json FILE] [--report-html FILE] [--thorough]

``MACHINE`` is a captured machine (``waagent driver capture`` writes one) or a directory of several.
Every operation of the contract is tried on it with commands that edit its files as the real tools
do: the universal clauses G1 to G11, and what each operation promises.  A report says of each
operation: *holds*, *fails*, *unsupported* (the driver has None there), or *not tried* and why; a
run that tried nothing fails.  Root is needed, because accounts own files.

Where ``--root`` is the root of a system instead, the clauses run in disposable copies of it with
its own tools: ``--bed root`` (the default then), ``--bed network`` (with a DHCP server at the other
end), ``--bed loop`` (with a loop device).  The report says why nothing was tried on a bed.

Public here, and stable:

- :mod:`.machines`: ``machine``, ``attach``, ``set_up`` make a pretend machine; ``PretendCommands``
  are its tools, which can be told to be missing, to fail, to hang, to lie or to babble;
- :mod:`.box`: what a pretend tool of your own gets, ``done`` and ``refused``;
- :mod:`.operation`: ``Operation``, an entry of the catalogue;
- the marks ``operation(name, ...)`` and ``bed(name, ...)`` of a clause of your own, ``untouched``
  if it leaves the machine as it found it, ``proves`` of a test with real tools, and the fixtures
  ``bench`` and ``captured`` of :mod:`.clauses.fixtures` for your conftest.
"""
