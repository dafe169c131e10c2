"""The schema of the store's database, as a list of migrations: number N brings version N to version N+1."""

from __future__ import annotations

from typing import Final

__all__ = ["MIGRATIONS"]

_FIRST: Final = """
CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, added REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE manifests (
    digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, image_id TEXT, platform TEXT, created TEXT,
    content_size INTEGER, labels TEXT, subject TEXT, artifact_type TEXT
) WITHOUT ROWID;
CREATE INDEX manifests_by_image ON manifests (image_id);
CREATE INDEX manifests_by_subject ON manifests (subject);
CREATE TABLE edges (
    parent TEXT NOT NULL, child TEXT NOT NULL, position INTEGER NOT NULL, platform TEXT,
    PRIMARY KEY (parent, position)
) WITHOUT ROWID;
CREATE INDEX edges_by_child ON edges (child);
CREATE TABLE layers (
    digest TEXT PRIMARY KEY, diff_id TEXT NOT NULL, tar_size INTEGER NOT NULL, content_size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX layers_by_diff_id ON layers (diff_id);
CREATE TABLE roots (digest TEXT PRIMARY KEY, added REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE names (name TEXT PRIMARY KEY, digest TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX names_by_digest ON names (digest);
CREATE TABLE name_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, digest TEXT, at REAL NOT NULL,
    command TEXT NOT NULL
);
CREATE INDEX name_log_by_name ON name_log (name, id);
CREATE TABLE sources (
    digest TEXT NOT NULL, registry TEXT NOT NULL, repository TEXT NOT NULL, seen REAL NOT NULL,
    PRIMARY KEY (digest, registry, repository)
) WITHOUT ROWID;
CREATE TABLE leases (
    id TEXT PRIMARY KEY, boot TEXT NOT NULL, namespace INTEGER NOT NULL, pid INTEGER NOT NULL,
    started INTEGER NOT NULL, expires REAL NOT NULL, purpose TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE lease_content (
    lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE, digest TEXT NOT NULL,
    PRIMARY KEY (lease, digest)
) WITHOUT ROWID
"""

_LAYERS_AND_CONTAINERS: Final = """
CREATE TABLE unpacked (
    diff_id TEXT NOT NULL, form TEXT NOT NULL, size INTEGER NOT NULL, entries INTEGER NOT NULL,
    loose INTEGER NOT NULL, boot TEXT NOT NULL, written REAL NOT NULL, synced INTEGER NOT NULL,
    PRIMARY KEY (diff_id, form)
) WITHOUT ROWID;
CREATE TABLE corrections (chain TEXT PRIMARY KEY, diff_id TEXT, layers TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT NOT NULL, manifest TEXT NOT NULL,
    created REAL NOT NULL, spec TEXT NOT NULL, state TEXT NOT NULL,
    boot TEXT, namespace INTEGER, pid INTEGER, ticks INTEGER,
    started REAL, finished REAL, exit_code INTEGER, failure TEXT
) WITHOUT ROWID;
CREATE TABLE mounts (place TEXT PRIMARY KEY, manifest TEXT NOT NULL, boot TEXT NOT NULL, since REAL NOT NULL)
    WITHOUT ROWID
"""

MIGRATIONS: Final = (_FIRST, _LAYERS_AND_CONTAINERS)
