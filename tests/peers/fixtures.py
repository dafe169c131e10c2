"""The names that tests ask for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from peers.authority import Authority, make_authority
from peers.containerd import Containerd, serve_containerd
from peers.dockerd import DockerEngine, serve_dockerd
from peers.ground import Ground
from peers.images import Artifact, Images, open_images
from peers.layout import LayoutImage
from peers.podman import Podman, private_podman
from peers.registry import Login, Registry, serve_registry
from peers.skopeo import Skopeo, Umoci


class StartRegistry(Protocol):
    """Starts a further docker-registry that lives as long as the test."""

    def __call__(self, *, login: Login | None = None, authority: Authority | None = None) -> Registry: ...


@pytest.fixture(scope="session")
def peer_ground() -> Iterator[Ground]:
    """Where all peers live. When the session ends, anything that they left behind is an error."""
    with Ground(Path(tempfile.gettempdir()), os.environ) as ground:
        yield ground


@pytest.fixture
def start_docker_registry(peer_ground: Ground) -> Iterator[StartRegistry]:
    """Debian's docker-registry, as many as the test wants: open, with a password, with TLS."""
    with ExitStack() as running:

        def start(*, login: Login | None = None, authority: Authority | None = None) -> Registry:
            return running.enter_context(serve_registry(peer_ground, login=login, authority=authority))

        yield start


@pytest.fixture
def docker_registry(start_docker_registry: StartRegistry) -> Registry:
    """A docker-registry with nothing in it, without password and TLS."""
    return start_docker_registry()


@pytest.fixture(scope="session")
def authority(peer_ground: Ground) -> Authority:
    """A certificate authority that no one trusts unless told to."""
    return make_authority(peer_ground)


@pytest.fixture(scope="session")
def dockerd(peer_ground: Ground) -> Iterator[DockerEngine]:
    """Debian's Docker engine; one for the session, so call `forget` before a pull that is to fetch."""
    with serve_dockerd(peer_ground) as engine:
        yield engine


@pytest.fixture(scope="session")
def containerd(peer_ground: Ground) -> Iterator[Containerd]:
    """containerd with nothing in it."""
    with serve_containerd(peer_ground) as running:
        yield running


@pytest.fixture
def podman(peer_ground: Ground) -> Iterator[Podman]:
    """podman with an empty store."""
    with private_podman(peer_ground) as command:
        yield command


@pytest.fixture(scope="session")
def skopeo(peer_ground: Ground) -> Skopeo:
    return Skopeo(peer_ground)


@pytest.fixture(scope="session")
def umoci(peer_ground: Ground) -> Umoci:
    return Umoci(peer_ground)


@pytest.fixture(scope="session")
def images(peer_ground: Ground) -> Images:
    """The test images by name; those that are asked for are made when they are not in the cache."""
    return open_images(os.environ, peer_ground.env)


@pytest.fixture(scope="session")
def busybox_image(images: Images) -> LayoutImage:
    return images.busybox()


@pytest.fixture(scope="session")
def debian_image(images: Images) -> LayoutImage:
    return images.debian()


@pytest.fixture(scope="session")
def nginx_image(images: Images) -> LayoutImage:
    return images.nginx()


@pytest.fixture(scope="session")
def python_image(images: Images) -> LayoutImage:
    return images.python()


@pytest.fixture(scope="session")
def node_image(images: Images) -> LayoutImage:
    return images.node()


@pytest.fixture(scope="session")
def layers_image(images: Images) -> LayoutImage:
    return images.layers()


@pytest.fixture(scope="session")
def index_image(images: Images) -> LayoutImage:
    return images.index()


@pytest.fixture(scope="session")
def zstd_image(images: Images) -> LayoutImage:
    return images.zstd()


@pytest.fixture(scope="session")
def artifact(images: Images) -> Artifact:
    return images.artifact()
