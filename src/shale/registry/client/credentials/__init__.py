"""Where credentials are kept: docker's config.json, the containers tools' auth.json, and their helpers.

Invariants: a credential is found only for the account it was kept for; a helper that does not work is an
error and never "no credential" (CVE-2021-41092: a missing helper made docker send a private registry's
password to Docker Hub); no secret is in an error or a repr; a file is replaced whole, and fields that are not
ours survive.

Formats: docs.docker.com "docker login", containers-auth.json(5), docker-credential-helpers' README.
Reading order: `account` (the keys of a registry), `entry` (one value), `config_file` (one file), `helper`
(one program), `auth_files` (all of them), `paths` (which files).
"""
