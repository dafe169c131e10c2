"""The tables of `registry.db`: which repository has what. Format: docs/registry.md."""

from __future__ import annotations

from typing import Final

__all__ = ["MIGRATIONS"]

_FIRST: Final = """
CREATE TABLE repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE blobs (
    repository INTEGER NOT NULL REFERENCES repositories, digest TEXT NOT NULL,
    PRIMARY KEY (repository, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE manifests (
    repository INTEGER NOT NULL REFERENCES repositories, digest TEXT NOT NULL,
    media_type TEXT NOT NULL, subject TEXT, artifact_type TEXT, descriptor TEXT,
    PRIMARY KEY (repository, digest)) STRICT;
CREATE INDEX manifests_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE tags (
    repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests ON DELETE CASCADE) STRICT, WITHOUT ROWID;
CREATE INDEX tags_in_order ON tags (repository, name COLLATE NOCASE, name);
CREATE INDEX tags_of_manifest ON tags (repository, digest);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO secrets VALUES ('uploads', randomblob(32));
"""
MIGRATIONS: Final = (_FIRST,)
"""Scripts that lead from version N to N + 1; a published one is never changed."""
