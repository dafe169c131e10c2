from __future__ import annotations

import json

import pytest

from shale import errors
from shale.linux.durable import DiskFull, StorageFailure
from shale.oci.digest import Digest, InvalidDigest
from shale.registry.protocol import ErrorCode, InvalidRange, parse_errors
from shale.registry.server.answers import TooLarge, error_answer
from shale.registry.server.bodies import BodyBroken, BodyStalled
from shale.registry.server.storage import ManifestBlobUnknown, TooManyUploads
from shale.store.blobs import BlobDamaged
from shale.store.database import DatabaseBusy

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_an_answer(kind: type[errors.ShaleError]) -> None:
    """A class that nobody listed is answered as its kind, in the specification's form."""
    unlisted = type("Unlisted", (kind,), {})
    answer = error_answer(unlisted("what is wrong"))
    assert 400 <= answer.status <= 599
    assert isinstance(answer.body, bytes)
    (told,) = parse_errors(answer.body)
    assert told.message == "what is wrong"
    assert told.code in {code.value for code in ErrorCode}
    assert json.loads(answer.body)["errors"][0]["code"] == told.code, "written, even where it is UNKNOWN"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidDigest("x"), 400),
        (InvalidRange("x"), 416),
        (BodyBroken("x"), 400),
        (BodyStalled("x"), 503),
        (TooLarge("x"), 413),
        (TooManyUploads("x"), 429),
        (DiskFull("x"), 507),
        (StorageFailure("x"), 503),
        (DatabaseBusy("x"), 503),
        (BlobDamaged(Digest.of(b""), "x"), 500),
    ],
    ids=str,
)
def test_statuses(error: errors.ShaleError, status: int) -> None:
    answer = error_answer(error)
    assert answer.status == status
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


def test_a_thousand_missing_blobs_are_not_all_named() -> None:
    missing = [Digest.of(str(number).encode()) for number in range(1000)]
    body = error_answer(ManifestBlobUnknown(missing)).body
    assert isinstance(body, bytes)
    told = parse_errors(body)
    assert [one.detail["digest"] for one in told] == [str(digest) for digest in missing[:100]]
