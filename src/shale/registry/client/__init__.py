"""A client of registries: finds the endpoint, proves who we are, moves manifests and blobs, tries again.

Invariants:
- Credentials go to the endpoint's own origin or to a checked token service, and nowhere else.
- Every wait is bounded and ends within a second of a cancellation; every answer is read up to a limit.
- Bytes that a blob's sink gets are in order and never more than the descriptor says; a manifest fetched by
  digest has that digest.

Reading order, from where to ask to what is asked:
- places and people: `addresses`, `endpoint`, `hosts`, `proxies`, `credentials`, `challenge`, `realm`;
- one request: `request`, `response`, `transport`, `redirects`, `failures`; below them a small HTTP/1.1 of our
  own: `place`, `pool`, `opening` (`dialing`, `tls`, `nested`), `connection` with `head` and `framing`, `wire`,
  `breakage`; `cancel`;
- many requests: `tokens`, `authorizer`, `scheme`, `retry`, and `exchange`, which puts them together;
- operations: `manifests`, `blobs` (`encoding`, `mirrors`), `uploads` (`sending`, `session`, `payload`),
  `listings`, `search`;
- all of it: `client`.
"""
