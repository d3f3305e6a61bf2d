# SPDX-License-Identifier: Apache-2.0
"""Everything that speaks to the platform, and nothing else.  Imports nothing: import the modules.

retry       ``RetryPolicy(deadline_s, first_s, factor, cap_s, jitter).run(call, clock, told=)``;
            ``Clock`` (``monotonic()``, ``wait(seconds) -> stopped``), ``SystemClock(stop=None)``;
            ``PATIENT``, ``ONCE``
http        ``Endpoint(host, port)``, ``parse_endpoint("ADDRESS[:PORT]" or URL)``,
            ``Client(endpoint).get/post/send``; ``Response(status, headers, body)``
xml         ``parse(data, what) -> Element``; ``child``, ``children``, ``require``, ``descendant``
ovf         ``parse(data) -> Environment``, ``scrub(data) -> bytes``; ``PublicKey``, ``KeyPair``
media       ``read_media(drives, opened, read, retry, clock) -> Medium(device, path, data)``
extensionsconfig, vmsettings  ``parse(data, ...) -> Desired``, both through ``reading``
remoteaccess  ``parse(data) -> RemoteAccess``, ``password(user, transport) -> Secret``
discovery   ``find_endpoint(...) -> Found(endpoint, how, router, routes, warning)``
dhcp        ``Link(name, mac)``, ``Offer(endpoint, router, routes, warnings)``; the messages
dhcp_exchange  ``discover(link, clock) -> Offer``, raw on Linux, UDP elsewhere
wireserver  ``WireServer(endpoint, clock)``: ``negotiate()``, ``goal_state()``,
            ``with_goal_state(call)``, ``hosting_config(goal)``, ``shared_config(goal)``,
            ``certificates(goal, certificate, cipher)``, ``report_health(goal, report)``,
            ``report_fingerprint(goal, fingerprint)``
goalstate   the values: ``GoalState``, ``HostingConfig``, ``SharedConfig``, ``CertificateFile``
desired     the values: ``Desired`` (``Handler``, ``Extension``, ``AgentFamily``, ``StatusBlob``,
            ``Identity``), ``RemoteAccess``: what is wanted, whichever source said it
health      ``Report``; ``STARTING``, ``READY``, ``provisioning(text)``,
            ``provisioning_failed(text)``
transport   ``TransportKey(host, openssl)``: ``certificate()``, ``decrypt(envelope, what)``,
            ``renew()``
certificates  ``fetch(server, goal, transport) -> tuple[Certificate, ...]``, ``load(host,
            thumbprint)``; ``Certificate(thumbprint, pem, private_key)``, its ``ssh_public_key()``
hostplugin  ``HostPlugin(endpoint)``: ``identify(goal)``, ``vm_settings(etag) -> Desired | None``,
            ``artifact(uri, write=)``, ``put(uri, headers, content)``, ``healthy()``
poller      ``Poller(...).poll() -> Update | None``, ``due_in_s()``, ``last``, ``refresh()``,
            ``reidentify()``, ``reported()``; with ``arbitration``, ``fasttrack``, ``pace``
children    ``ask(host, module, request)``: work that loads much, in a short-lived process
certificates_child  ``refresh(host, endpoint, goal, openssl) -> tuple[Held, ...]``
status      ``document(report, time)``; ``Report``, ``HandlerStatus``, ``ExtensionStatus``
statusblob  ``StatusReporter(...).send(report, blob) -> sent``
storage     ``puts(blob, content, date)``, ``send(host, puts, proxies)`` by way of a child
imds        ``Imds(clock).instance() -> Instance``

Errors are those of ``agentcore.errors``: Unreachable, Throttled (both retryable), Refused,
Malformed; NotFound where there is no medium or certificate; and those of the host.
"""
