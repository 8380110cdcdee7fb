"""A Kubernetes control plane on this machine: etcd, API server, controller manager and, where there are
nodes, a scheduler.
"""

import http.client
import json
import signal
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from storefront_dev import kubeconfig, processes, waiting
from storefront_dev.binaries import binaries
from storefront_dev.errors import ClusterError
from storefront_dev.pki import Authority, Pair, signing_key
from storefront_dev.progress import Progress

SERVICE_NETWORK = "10.96.0.0/16"
_SERVICE_ADDRESS = "10.96.0.1"
_ISSUER = "https://kubernetes.default.svc.cluster.local"
_LOOPBACK = "127.0.0.1"
# How long a node may be silent, and how long pods stay bound to one that is: a machine of one's own has no
# network between its nodes that could be slow, so failures may be noticed sooner than by Kubernetes'
# defaults.
_NODE_GRACE_SECONDS = 16
_TOLERATION_SECONDS = 10


class ControlPlane:
    """The control plane whose certificates, database and logs are in `state_dir`; needs no privileges.

    As a context manager it starts a control plane without nodes on free ports of the loopback interface and
    stops it at the end; what was stored stays in `state_dir`. With nodes, `address` is the one they reach
    the API server at, and `start` and `stop` are called from different processes.

    `options` are further command-line options, or other values of them, by program; `environment` is every
    program's.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        address: str = _LOOPBACK,
        port: int | None = None,
        nodes: bool = False,
        options: Mapping[str, Mapping[str, object]] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.state_dir = state_dir.absolute()
        self.address = address
        self.kubeconfig = self.state_dir / "kubeconfig"
        self.logs = self.state_dir / "logs"
        self._pki = self.state_dir / "pki"
        self._port = port
        self._nodes = nodes
        self._options = options or {}
        self._environment = dict(environment or {})

    def __enter__(self) -> Self:
        self.bind()
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start(Progress())
            self.wait_controllers()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def bind(self) -> None:
        """Let no program that is started from now on outlive this process by more than the next call of this."""
        processes.kill(processes.orphans(), signals=[(signal.SIGKILL, 5)])
        self._environment |= processes.bound_to_this_process()

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{self.address}:{self._ports()['apiserver']}"

    @property
    def authority(self) -> Authority:
        """What signs the certificates of everything in this cluster."""
        return Authority(self._pki, "ca")

    def credentials(self, name: str, *, user: str, groups: tuple[str, ...] = ()) -> Path:
        """The kubeconfig of a component that acts as `user` in `groups`."""
        pair = self.authority.issue(name, user=user, groups=groups)
        return self._kubeconfig(self.state_dir / "kubeconfigs" / name, pair)

    def prepare(self) -> None:
        """Choose ports and issue certificates, where that was not done before; not for two threads at once."""
        authority = self.authority
        names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
            _LOOPBACK,
            _SERVICE_ADDRESS,
            *([self.address] if self.address != _LOOPBACK else []),
        ]
        authority.issue("apiserver", user="kube-apiserver", names=names)
        authority.issue("apiserver-kubelet", user="kube-apiserver-kubelet-client", groups=("system:masters",))
        Authority(self._pki, "front-proxy-ca").issue("front-proxy", user="front-proxy-client")
        # An authority of its own: a certificate of the cluster must not open its database.
        database = Authority(self._pki, "etcd-ca")
        database.issue("etcd", user="etcd", names=[_LOOPBACK])
        database.issue("apiserver-etcd", user="kube-apiserver")
        signing_key(self._pki, "service-account")
        admin = authority.issue("admin", user="kubernetes-admin", groups=("system:masters",))
        self._kubeconfig(self.kubeconfig, admin)

    def start(self, progress: Progress) -> None:
        """Start what does not run yet and return when the API server is ready.

        Raises ClusterError with the end of the failing program's log.
        """
        running = processes.running(self.state_dir)
        programs = binaries(progress)
        self.prepare()
        if "etcd" not in running:
            self._start("etcd", programs["etcd"], self._etcd())
        if "kube-apiserver" not in running:
            self._start("kube-apiserver", programs["kube-apiserver"], self._apiserver())
        self.wait_ready()
        # Not earlier: a controller manager that finds no roles yet gives up.
        if "kube-controller-manager" not in running:
            self._start(
                "kube-controller-manager", programs["kube-controller-manager"], self._controller_manager()
            )
        if self._nodes and "kube-scheduler" not in running:
            self._start("kube-scheduler", programs["kube-scheduler"], self._scheduler())

    def stop(self) -> None:
        """Stop every program of this control plane."""
        running = processes.running(self.state_dir)
        etcd = running.pop("etcd", [])
        # The API server takes half a minute over its open watches when asked politely, and loses nothing
        # when not: what it acknowledged is in etcd.
        processes.kill([pid for pids in running.values() for pid in pids], signals=[(signal.SIGKILL, 5)])
        processes.kill(etcd, signals=[(signal.SIGTERM, 3), (signal.SIGKILL, 5)])

    def stop_apiserver(self) -> None:
        """Kill the API server, as a crash would; etcd and the controllers stay."""
        pids = processes.running(self.state_dir).get("kube-apiserver", [])
        processes.kill(pids, signals=[(signal.SIGKILL, 5)])

    def start_apiserver(self) -> None:
        """Start the API server again and return when it is ready."""
        if "kube-apiserver" not in processes.running(self.state_dir):
            self._start("kube-apiserver", binaries()["kube-apiserver"], self._apiserver())
        self.wait_ready()

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        try:
            return _status(self.address, self._ports()["apiserver"], "/readyz", context) == http.client.OK
        except OSError:
            return False

    def wait_ready(self, seconds: float = 60) -> None:
        """Return when the API server is ready; raise ClusterError when it isn't, or as soon as it or etcd
        has ended.
        """

        def ready() -> bool:
            if self.ready():
                return True
            running = processes.running(self.state_dir)
            for role in ("etcd", "kube-apiserver"):
                if role not in running:
                    raise ClusterError(f"{role} has ended\n{processes.last_lines(self.log(role))}")
            return False

        waiting.until(
            ready,
            "the API server is ready",
            seconds=seconds,
            detail=lambda: processes.last_lines(self.log("kube-apiserver")),
        )

    def wait_controllers(self, seconds: float = 60) -> None:
        """Return when the controllers, and the scheduler where there is one, say that they are healthy."""
        roles = {"kube-controller-manager": "controller-manager"}
        if self._nodes:
            roles["kube-scheduler"] = "scheduler"
        for role, port in roles.items():
            self._wait_healthy(role, self._ports()[port], seconds)

    def run(
        self, role: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a program of the control plane, or one beside it, which is stopped with it."""
        processes.start(
            self.state_dir,
            role,
            command,
            self.log(role),
            environment={**self._environment, **(environment or {})},
        )

    def log(self, role: str) -> Path:
        """Where a program's output goes."""
        return self.logs / f"{role}.log"

    def _wait_healthy(self, role: str, port: int, seconds: float) -> None:
        def detail() -> str:
            return processes.last_lines(self.log(role))

        def healthy() -> bool:
            if self._healthy(port):
                return True
            if role not in processes.running(self.state_dir):
                raise ClusterError(f"{role} has ended\n{detail()}")
            return False

        waiting.until(healthy, f"{role} is healthy", seconds=seconds, detail=detail)

    def _healthy(self, port: int) -> bool:
        # Its certificate is of its own making; that it is one of ours is not in question on the loopback
        # interface.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            return _status(_LOOPBACK, port, "/healthz", context) == http.client.OK
        except OSError:
            return False

    def _start(self, role: str, program: Path, options: dict[str, object]) -> None:
        options = {**options, **self._options.get(role, {})}
        self.run(role, [program, *(f"--{name}={value}" for name, value in options.items())])

    def _ports(self) -> dict[str, int]:
        """Chosen once and kept, so that a program that is started again is found where it was."""
        path = self.state_dir / "ports.json"
        if path.exists():
            ports: dict[str, int] = json.loads(path.read_text())
            return ports
        with ExitStack() as sockets:
            chosen = {}
            for name in ("apiserver", "etcd", "etcd-peer", "controller-manager", "scheduler"):
                taken = sockets.enter_context(socket.create_server((_LOOPBACK, 0)))
                chosen[name] = taken.getsockname()[1]
        if self._port is not None:
            chosen["apiserver"] = self._port
        self.state_dir.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(chosen))
        partial.rename(path)
        return chosen

    def _kubeconfig(self, path: Path, user: Pair) -> Path:
        return kubeconfig.write(
            path, name="storefront", server=self.server, authority=self.authority.certificate, user=user
        )

    def _etcd(self) -> dict[str, object]:
        ports = self._ports()
        client = f"https://{_LOOPBACK}:{ports['etcd']}"
        peer = f"https://{_LOOPBACK}:{ports['etcd-peer']}"
        return {
            "name": "storefront",
            "data-dir": self.state_dir / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"storefront={peer}",
            "cert-file": self._pki / "etcd.crt",
            "key-file": self._pki / "etcd.key",
            "trusted-ca-file": self._pki / "etcd-ca.crt",
            "client-cert-auth": "true",
            "peer-cert-file": self._pki / "etcd.crt",
            "peer-key-file": self._pki / "etcd.key",
            "peer-trusted-ca-file": self._pki / "etcd-ca.crt",
            "peer-client-cert-auth": "true",
            # A development cluster need not survive a power cut, and its disk is shared with everything else.
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }

    def _apiserver(self) -> dict[str, object]:
        ports = self._ports()
        options: dict[str, object] = {
            "advertise-address": self.address,
            "bind-address": self.address,
            "secure-port": ports["apiserver"],
            "etcd-servers": f"https://{_LOOPBACK}:{ports['etcd']}",
            "etcd-cafile": self._pki / "etcd-ca.crt",
            "etcd-certfile": self._pki / "apiserver-etcd.crt",
            "etcd-keyfile": self._pki / "apiserver-etcd.key",
            "service-cluster-ip-range": SERVICE_NETWORK,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "client-ca-file": self._pki / "ca.crt",
            "tls-cert-file": self._pki / "apiserver.crt",
            "tls-private-key-file": self._pki / "apiserver.key",
            "kubelet-certificate-authority": self._pki / "ca.crt",
            "kubelet-client-certificate": self._pki / "apiserver-kubelet.crt",
            "kubelet-client-key": self._pki / "apiserver-kubelet.key",
            "kubelet-preferred-address-types": "InternalIP",
            "requestheader-client-ca-file": self._pki / "front-proxy-ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "proxy-client-cert-file": self._pki / "front-proxy.crt",
            "proxy-client-key-file": self._pki / "front-proxy.key",
            # No kube-proxy runs beside the API server: it must reach webhooks and extension servers at
            # their pods.
            "enable-aggregator-routing": "true",
            "service-account-issuer": _ISSUER,
            "service-account-key-file": self._pki / "service-account.pub",
            "service-account-signing-key-file": self._pki / "service-account.key",
            "default-not-ready-toleration-seconds": _TOLERATION_SECONDS,
            "default-unreachable-toleration-seconds": _TOLERATION_SECONDS,
            "profiling": "false",
        }
        if self.address == _LOOPBACK:
            # The Service `kubernetes` may not have a loopback endpoint, and without pods nobody misses it.
            options["endpoint-reconciler-type"] = "none"
        return options

    def _controller_manager(self) -> dict[str, object]:
        file = self.credentials("controller-manager", user="system:kube-controller-manager")
        return {
            "kubeconfig": file,
            "authentication-kubeconfig": file,
            "authorization-kubeconfig": file,
            "bind-address": _LOOPBACK,
            "secure-port": self._ports()["controller-manager"],
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self._pki / "service-account.key",
            "root-ca-file": self._pki / "ca.crt",
            "cluster-signing-cert-file": self._pki / "ca.crt",
            "cluster-signing-key-file": self._pki / "ca.key",
            # Each node's pod network is fixed by its number, not by the order in which they register.
            "allocate-node-cidrs": "false",
            "node-monitor-period": "2s",
            "node-monitor-grace-period": f"{_NODE_GRACE_SECONDS}s",
            "horizontal-pod-autoscaler-sync-period": "5s",
            # The API server is this cluster's alone: its controllers need not spare it for others.
            "kube-api-qps": "200",
            "kube-api-burst": "400",
            "leader-elect": "false",
            "profiling": "false",
        }

    def _scheduler(self) -> dict[str, object]:
        file = self.credentials("scheduler", user="system:kube-scheduler")
        return {
            "kubeconfig": file,
            "authentication-kubeconfig": file,
            "authorization-kubeconfig": file,
            "bind-address": _LOOPBACK,
            "secure-port": self._ports()["scheduler"],
            "leader-elect": "false",
            "profiling": "false",
        }


def _status(host: str, port: int, path: str, context: ssl.SSLContext) -> int:
    """The status of the answer to a GET. Raises OSError when there is none."""
    connection = http.client.HTTPSConnection(host, port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
