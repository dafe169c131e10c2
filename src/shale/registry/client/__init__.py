"""A client of registries: finds the endpoint, proves who we are, moves manifests and blobs, tries again.

Reading order: `endpoint` (where to ask), `credentials` and `challenge` (who we are), `transport` (one
request), `authorizer` (tokens), `retry`, `manifests`, `blobs`, `uploads`, `client`.
"""
