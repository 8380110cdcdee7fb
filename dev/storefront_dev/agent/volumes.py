"""Dynamic volumes: a folder on the node that the scheduler chose for the first pod."""

import asyncio
import logging
import shutil
from pathlib import Path

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.models.core_v1 import (
    LocalVolumeSource,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    ObjectReference,
    PersistentVolumeSpec,
    VolumeNodeAffinity,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import PersistentVolume, PersistentVolumeClaim
from lightkube.resources.storage_v1 import StorageClass
from lightkube.types import PatchType

from storefront_dev.addons import PROVISIONER
from storefront_dev.agent.cache import Cache
from storefront_dev.node_config import VOLUMES

_LOG = logging.getLogger(__name__)
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_FINALIZER = f"external-provisioner.volume.kubernetes.io/{PROVISIONER}"
_RETRY_SECONDS = 1.0


class Provisioner:
    """Makes volumes for claims of our storage classes, and deletes those that are released; `nodes` has a
    folder a node.
    """

    def __init__(self, client: AsyncClient, nodes: Path) -> None:
        self._client = client
        self._nodes = nodes
        self._dirty = asyncio.Event()
        self._claims = Cache(client, PersistentVolumeClaim, self._dirty.set)
        self._volumes = Cache(client, PersistentVolume, self._dirty.set)
        self._classes = Cache(client, StorageClass, self._dirty.set)

    async def run(self) -> None:
        """Provision for ever."""
        caches = (self._claims, self._volumes, self._classes)
        async with asyncio.TaskGroup() as tasks:
            for cache in caches:
                tasks.create_task(cache.run())
            for cache in caches:
                await cache.ready.wait()
            while True:
                await self._dirty.wait()
                self._dirty.clear()
                await self._reconcile()

    async def _reconcile(self) -> None:
        work = [self._provision(each) for each in list(self._claims.objects.values())]
        work += [self._delete(each) for each in list(self._volumes.objects.values())]
        for step in work:
            try:
                await step
            except (ApiError, httpx2.HTTPError, OSError) as error:
                _LOG.warning("volumes: %s; trying again", error)
            except Exception:
                _LOG.exception("volumes; trying again")
            else:
                continue
            # One volume's trouble is not the others'; and it is tried again, event or not.
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._dirty.set)

    async def _provision(self, claim: PersistentVolumeClaim) -> None:
        metadata, spec = claim.metadata, claim.spec
        assert metadata is not None
        assert spec is not None
        node = (metadata.annotations or {}).get(_SELECTED_NODE)
        storage_class = self._classes.objects.get(("", spec.storageClassName or ""))
        if (
            node is None
            or spec.volumeName
            or metadata.deletionTimestamp
            or storage_class is None
            or storage_class.provisioner != PROVISIONER
        ):
            return
        name = f"pvc-{metadata.uid}"
        if ("", name) in self._volumes.objects:
            return
        if not (self._nodes / node).is_dir():
            _LOG.warning(
                "claim %s/%s wants a volume on %s, which is unknown", metadata.namespace, metadata.name, node
            )
            return
        self._folder(node, name).mkdir(parents=True, exist_ok=True)
        volume = PersistentVolume(
            metadata=ObjectMeta(
                name=name, annotations={_PROVISIONED_BY: PROVISIONER}, finalizers=[_FINALIZER]
            ),
            spec=PersistentVolumeSpec(
                accessModes=spec.accessModes,
                volumeMode=spec.volumeMode,
                capacity={"storage": (spec.resources.requests or {})["storage"]} if spec.resources else None,
                storageClassName=spec.storageClassName,
                persistentVolumeReclaimPolicy=storage_class.reclaimPolicy or "Delete",
                local=LocalVolumeSource(path=f"{VOLUMES}/{name}"),
                claimRef=ObjectReference(
                    apiVersion="v1",
                    kind="PersistentVolumeClaim",
                    namespace=metadata.namespace,
                    name=metadata.name,
                    uid=metadata.uid,
                ),
                nodeAffinity=_only_on(node),
            ),
        )
        try:
            await self._client.create(volume)
        except ApiError as error:
            if error.status.code == 409:
                return
            raise
        _LOG.info("made %s on %s for %s/%s", name, node, metadata.namespace, metadata.name)

    async def _delete(self, volume: PersistentVolume) -> None:
        metadata, spec = volume.metadata, volume.spec
        assert metadata is not None
        assert spec is not None
        assert metadata.name is not None
        if (
            (metadata.annotations or {}).get(_PROVISIONED_BY) != PROVISIONER
            or not volume.status
            or volume.status.phase not in ("Released", "Failed")
            or not (spec.persistentVolumeReclaimPolicy == "Delete" or metadata.deletionTimestamp)
        ):
            return
        if spec.persistentVolumeReclaimPolicy == "Delete":
            await asyncio.to_thread(
                shutil.rmtree, self._folder(_node_of(volume), metadata.name), ignore_errors=True
            )
        finalizers = [each for each in metadata.finalizers or [] if each != _FINALIZER]
        try:
            patch = {"metadata": {"finalizers": finalizers}}
            await self._client.patch(PersistentVolume, metadata.name, patch, patch_type=PatchType.MERGE)
            if not metadata.deletionTimestamp:
                await self._client.delete(PersistentVolume, metadata.name)
        except ApiError as error:
            if error.status.code != 404:
                raise
        _LOG.info("deleted %s", metadata.name)

    def _folder(self, node: str, name: str) -> Path:
        return self._nodes / node / "volumes" / name


def _only_on(node: str) -> VolumeNodeAffinity:
    here = NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=[node])
    return VolumeNodeAffinity(required=NodeSelector([NodeSelectorTerm(matchExpressions=[here])]))


def _node_of(volume: PersistentVolume) -> str:
    affinity = volume.spec.nodeAffinity if volume.spec else None
    assert affinity is not None
    assert affinity.required is not None
    expressions = affinity.required.nodeSelectorTerms[0].matchExpressions
    assert expressions
    assert expressions[0].values
    return expressions[0].values[0]
