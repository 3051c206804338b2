"""Where receipts are kept: any storage of Django's, by one setting, and never by a link to it."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InMemoryStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from spendtrackr import environment
from spendtrackr.tenancy import company_scope
from tests.factories import NOON
from tests.papers import picture
from transactions.documents import inspect
from transactions.models import Receipt
from transactions.operations import receipts

PNG = picture()
FOLDER = "django.core.files.storage.FileSystemStorage"


class Bucket(InMemoryStorage):
    """A storage elsewhere, as its package would be: with its own errors, and addresses that nobody should be sent to."""

    is_away = False

    def _open(self, name, mode="rb"):
        self._must_be_there()
        return super()._open(name, mode)

    def _save(self, name, content):
        self._must_be_there()
        return super()._save(name, content)

    def url(self, name):
        raise AssertionError("files go through the application")

    def _must_be_there(self) -> None:
        if self.is_away:
            raise RuntimeError("EndpointConnectionError")


@pytest.fixture
def bucket(settings, monkeypatch):
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "transactions.tests.test_storage.Bucket"}}
    yield default_storage
    monkeypatch.setattr(Bucket, "is_away", False)


def send(client):
    return client.post("/api/v1/receipts/", {"file": SimpleUploadedFile("r.png", PNG)}, format="multipart")


def test_a_receipt_is_kept_in_the_storage_and_sent_by_the_application(world, api, bucket):
    told = send(api(world.bob))
    assert told.status_code == 201
    kept = Receipt.across_companies.get().stored_as
    assert bucket.open(kept).read() == PNG
    answer = api(world.bob).get(f"/api/v1/receipts/{told.json()['id']}/file/")
    assert (answer.status_code, answer.content, "Location" in answer) == (200, PNG, False)
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert (answer["X-Content-Type-Options"], answer["Content-Disposition"].split(";")[0]) == ("nosniff", "attachment")


def test_a_storage_that_is_away_is_said_so_and_keeps_nothing(world, api, bucket, monkeypatch, caplog):
    kept = send(api(world.bob)).json()["id"]
    monkeypatch.setattr(Bucket, "is_away", True)
    for answer in (send(api(world.bob)), api(world.bob).get(f"/api/v1/receipts/{kept}/file/")):
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "1")
    assert Receipt.across_companies.count() == 1
    assert api(world.bob).get("/api/v1/receipts/").status_code == 200
    assert "EndpointConnectionError" in caplog.text


def test_a_file_that_is_not_in_the_storage_any_more_is_missing(world, api, bucket):
    with company_scope(world.acme.pk):
        receipt = receipts.upload(inspect(PNG, "r.png"), "receipts/gone", actor=world.bob, at=NOON)
    assert api(world.bob).get(f"/api/v1/receipts/{receipt.public_id}/file/").status_code == 404


@pytest.fixture
def installed(monkeypatch):
    """As if the packages of both extras were there."""
    monkeypatch.setattr(environment, "_is_installed", lambda package: True)
    monkeypatch.setattr(environment, "_s3_options", lambda: {"client_config": "patient"})


@pytest.mark.parametrize(
    ("url", "backend", "bucket_name", "location"),
    [
        ("s3://acme-receipts", "storages.backends.s3.S3Storage", "acme-receipts", ""),
        ("s3://acme-receipts/", "storages.backends.s3.S3Storage", "acme-receipts", ""),
        ("s3://acme-receipts/live/2026", "storages.backends.s3.S3Storage", "acme-receipts", "live/2026"),
        ("gs://acme/live/", "storages.backends.gcloud.GoogleCloudStorage", "acme", "live"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_an_address_names_the_bucket_and_the_folder_in_it(monkeypatch, url, backend, bucket_name, location):
    monkeypatch.setenv("RECEIPTS_STORAGE", url)
    found = environment.receipts_storage()
    options = found["OPTIONS"]
    assert (found["BACKEND"], options["bucket_name"], options["location"]) == (backend, bucket_name, location)
    # Never over another, never public.
    assert (options["file_overwrite"], options["default_acl"]) == (False, None)
    assert options.get("client_config") == ("patient" if url.startswith("s3") else None)


def test_without_an_address_receipts_are_in_the_folder(monkeypatch):
    monkeypatch.setenv("RECEIPTS_STORAGE", "")
    assert environment.receipts_storage() == {"BACKEND": FOLDER}


@pytest.mark.parametrize(("url", "extra"), [("s3://acme", "s3"), ("gs://acme", "gcs")])
def test_what_is_not_installed_is_named_by_its_extra(monkeypatch, url, extra):
    monkeypatch.setenv("RECEIPTS_STORAGE", url)
    monkeypatch.setattr(environment, "_is_installed", lambda package: package == "storages")
    with pytest.raises(ImproperlyConfigured, match=f"not installed: those of the extra `{extra}`"):
        environment.receipts_storage()


def test_a_package_inside_of_one_that_is_not_there_is_not_there():
    assert (environment._is_installed("no_such.cloud.storage"), environment._is_installed("json")) == (False, True)
