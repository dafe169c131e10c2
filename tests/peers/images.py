"""The images that tests exchange with peers: made once, without shale, and kept in a cache.

An image lies in the cache under a digest of all that went into it, so a changed recipe makes a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from peers import debian, layout, trees
from peers.layout import Compression, Content, Layer, LayoutImage, LayoutWriter, open_layout
from peers.process import tool

SHELL: Mapping[str, object] = {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]}
NGINX: Mapping[str, object] = {
    **SHELL,
    "Cmd": ["nginx", "-g", "daemon off;"],
    "ExposedPorts": {"80/tcp": {}},
    "StopSignal": "SIGQUIT",
}
ARTIFACT = "application/vnd.shale.test.note.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def here() -> str:
    """The name that the image specification has for this machine's processor."""
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest whose `subject` is an image beside it in the same layout."""

    image: LayoutImage
    subject: LayoutImage


@dataclass(frozen=True, slots=True)
class Images:
    """Each image by name; the first to ask makes it."""

    cache: Path
    env: Mapping[str, str]

    def busybox(self) -> LayoutImage:
        """One layer of 2 MB: busybox with a hard link for each applet."""
        return self._get("busybox", self._busybox)

    def zstd(self) -> LayoutImage:
        """The same system, its layer compressed with zstd."""
        return self._get("zstd", self._zstd)

    def debian(self) -> LayoutImage:
        """One layer of some 100 MB: a minimal Debian or Ubuntu, as this machine is."""
        return self._get("debian", self._debian, debian.sources())

    def nginx(self) -> LayoutImage:
        """Three layers: the minimal system, nginx, and a page that it serves on port 80."""
        return self._get("nginx", self._nginx, debian.sources())

    def python(self) -> LayoutImage:
        """Two layers: the minimal system, and python3 with its standard library."""
        return self._get("python", partial(self._packages, ["python3"], "python3"), debian.sources())

    def node(self) -> LayoutImage:
        """Two layers: the minimal system, and nodejs."""
        return self._get("node", partial(self._packages, ["nodejs"], "node"), debian.sources())

    def layers(self) -> LayoutImage:
        """Four layers: 20,000 small files, whiteouts, an opaque folder, hard links, names that come back."""
        return self._get("layers", self._layers)

    def index(self) -> LayoutImage:
        """An index of two images, for linux/amd64 and linux/arm64/v8, that share their layer."""
        return self._get("index", self._index)

    def artifact(self) -> Artifact:
        """An artifact (image-spec 1.1) that refers to an image by `subject`."""
        image = self._get("artifact", self._artifact)
        return Artifact(image, open_layout(image.layout, "subject"))

    def _busybox(self, writer: LayoutWriter) -> Content:
        return writer.image([self._system(writer)], architecture=here(), settings=SHELL)

    def _zstd(self, writer: LayoutWriter) -> Content:
        return writer.image([self._system(writer, "zstd")], architecture=here(), settings=SHELL)

    def _debian(self, writer: LayoutWriter) -> Content:
        tar = writer.folder / "debian.tar"
        debian.bootstrap(tar, self.env)
        return writer.image([writer.layer(tar, "mmdebstrap")], architecture=here(), settings=SHELL)

    def _nginx(self, writer: LayoutWriter) -> Content:
        layers = self._installed(writer, ["nginx-light"])
        tar = writer.folder / "page.tar"
        trees.page(tar)
        layers.append(writer.layer(tar, "COPY index.html /var/www/html/"))
        return writer.image(layers, architecture=here(), settings=NGINX)

    def _packages(self, packages: Sequence[str], command: str, writer: LayoutWriter) -> Content:
        layers = self._installed(writer, packages)
        return writer.image(layers, architecture=here(), settings={**SHELL, "Cmd": [command]})

    def _installed(self, writer: LayoutWriter, packages: Sequence[str]) -> list[Layer]:
        """The layer of the minimal system, which these images share, and what further packages add to it."""
        system = self.debian()
        config = system.document(system.document()["config"]["digest"])
        [descriptor] = system.document()["layers"]
        shared = writer.folder / "shared.packed"
        shutil.copyfile(system.blob(descriptor["digest"]), shared)
        base = Layer(
            writer.file(shared, descriptor["mediaType"]), config["rootfs"]["diff_ids"][0], "mmdebstrap"
        )
        whole, added = writer.folder / "whole.tar", writer.folder / "added.tar"
        debian.bootstrap(whole, self.env, packages)
        trees.difference(system.blob(descriptor["digest"]), whole, added)
        whole.unlink()
        return [base, writer.layer(added, f"RUN apt-get install {' '.join(packages)}")]

    def _layers(self, writer: LayoutWriter) -> Content:
        layers = [self._system(writer)]
        for make, created_by in (
            (trees.many_files, "COPY files"),
            (trees.removals, "RUN rm"),
            (trees.returns, "RUN cp"),
        ):
            tar = writer.folder / "layer.tar"
            make(tar)
            layers.append(writer.layer(tar, created_by))
        return writer.image(layers, architecture=here(), settings=SHELL)

    def _index(self, writer: LayoutWriter) -> Content:
        system = self._system(writer)
        children: list[dict[str, object]] = []
        for wanted in (
            {"os": "linux", "architecture": "amd64"},
            {"os": "linux", "architecture": "arm64", "variant": "v8"},
        ):
            image = writer.image([system], architecture=wanted["architecture"], settings=SHELL)
            children.append({**image.document(), "platform": wanted})
        document = {"schemaVersion": 2, "mediaType": layout.INDEX, "manifests": children}
        return writer.json(document, layout.INDEX)

    def _artifact(self, writer: LayoutWriter) -> Content:
        subject = self._busybox(writer)
        writer.tags["subject"] = subject
        note = writer.bytes(b'{"note": "for tests"}', ARTIFACT)
        empty = writer.bytes(b"{}", EMPTY)
        return writer.manifest(empty, [note], artifactType=ARTIFACT, subject=subject.document())

    def _system(self, writer: LayoutWriter, compression: Compression = "gzip") -> Layer:
        tar = writer.folder / "system.tar"
        trees.busybox(tar, self.env)
        return writer.layer(tar, "ADD busybox", compression)

    def _get(
        self, name: str, recipe: Callable[[LayoutWriter], Content], ingredients: bytes = b""
    ) -> LayoutImage:
        """The image from the cache; made there first, under a lock, in one rename."""
        folder = self.cache / f"{name}-{_key(ingredients)}"
        with _locked(self.cache, name):
            if not folder.exists():
                unfinished = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=self.cache))
                try:
                    writer = LayoutWriter(unfinished, self.env)
                    writer.tags["latest"] = recipe(writer)
                    writer.finish()
                    unfinished.chmod(0o755)
                    unfinished.rename(folder)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
        return open_layout(folder, "latest")


def open_images(surroundings: Mapping[str, str], env: Mapping[str, str]) -> Images:
    """The cache of the user who runs the tests; `env` is for the programs that make images."""
    home = surroundings.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = Path(home) / "shale-tests"
    cache.mkdir(parents=True, exist_ok=True)
    # Packages may be reached through a proxy; peers on loopback never are.
    proxies = {name: value for name, value in surroundings.items() if name.lower().endswith("_proxy")}
    return Images(cache, {**env, **proxies})


def _key(ingredients: bytes) -> str:
    """A digest of the recipes' own text, of busybox, and of what else goes in."""
    key = hashlib.sha256(ingredients)
    recipes = Path(__file__).parent
    for path in (Path(__file__), *(recipes / f"{name}.py" for name in ("debian", "layout", "trees"))):
        key.update(path.read_bytes())
    key.update(Path(tool("busybox", "busybox-static")).read_bytes())
    return key.hexdigest()[:16]


@contextmanager
def _locked(cache: Path, name: str) -> Iterator[None]:
    """One maker at a time: xdist's workers all ask at once. The lock ends with its holder's process."""
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
