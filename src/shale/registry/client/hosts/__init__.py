"""Where a registry is asked: `registries.conf` and `certs.d`, the files that the containers tools share.

One thing differs on purpose from those tools. A name without a registry means Docker Hub, as in docker, and
`unqualified-search-registries` does not change that: what `nginx` means must not depend on the machine. Only an
alias that the configuration has for the very name that was typed is followed (`Hosts.expand`).

Invariants: a blocked registry is never asked; plain http and unverified https only where the configuration says
`insecure`, or for this machine; credentials are looked up for the host that is really asked.

Formats: containers-registries.conf(5), containers-registries.conf.d(5), containers-certs.d(5).
Reading order: `document` (one file), `sources` (which files, and how they add up), `aliases`, `rules` (which
registry table speaks of an image), `certificates`, `endpoints`.
"""
