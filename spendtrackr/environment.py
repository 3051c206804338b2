"""Settings from the environment. What is missing or makes no sense is refused before anything starts."""

from __future__ import annotations

import secrets
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

MODES = ("production", "demo", "test")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}

env = environ.Env()


def mode() -> str:
    """`production` unless said otherwise: forgetting to say it must be the safe mistake."""
    value: str = env.str("SPENDTRACKR_MODE", "production")
    if value not in MODES:
        raise ImproperlyConfigured(f"SPENDTRACKR_MODE must be one of {', '.join(MODES)}, not {value!r}.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """A yes or no. `env.bool` reads every typing mistake as no; we refuse it."""
    value = env.str(name, str(default)).strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def whole_number(name: str, *, default: int) -> int:
    value = env.str(name, str(default)).strip()
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def folder(name: str, default: Path) -> Path:
    return Path(env.str(name, "") or default)


def networks(name: str, *, default: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word) for word in words(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be networks such as 10.20.0.0/16, separated by commas: {error}.") from error


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in env.str(name, default).split(",") if word.strip()]


def required_words(name: str, *, when: bool) -> list[str]:
    found = words(name)
    if when and not found:
        raise ImproperlyConfigured(f"{name} is not set. Name what it may be, separated by commas.")
    return found


def secret_key(current_mode: str, folder: Path) -> str:
    """The signing secret. Production must bring one; the demo makes its own and keeps it under `var/`."""
    given: str = env.str("SECRET_KEY", "")
    if given and len(given) < 50:
        raise ImproperlyConfigured("SECRET_KEY is too short: use 50 or more random characters.")
    if given:
        return given
    if current_mode == "production":
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Put 50 or more random characters into the environment or into .env; "
            "for a look around on this machine use `make demo`."
        )
    if current_mode == "test":
        return "only-for-tests-" + "x" * 50
    return _kept_secret(folder / "demo-secret-key")


def _kept_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()


def database(default: str) -> dict[str, Any]:
    """Django's database settings from DATABASE_URL: `sqlite:///file` or `mysql://user:password@host/name`."""
    url = env.str("DATABASE_URL", default)
    scheme = urlsplit(url).scheme
    if scheme not in {"sqlite", "mysql"}:
        raise ImproperlyConfigured(f"DATABASE_URL must begin with sqlite:// or mysql://, not {scheme or url!r}.")
    config: dict[str, Any] = {**environ.Env.db_url_config(url)}
    if not config.get("NAME"):
        raise ImproperlyConfigured("DATABASE_URL names no database.")
    options = _sqlite_options() if scheme == "sqlite" else _mysql_options()
    config["OPTIONS"] = {**options, **config.get("OPTIONS", {})}
    if scheme == "mysql":
        config |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
        config["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    else:
        # A file, because several threads cannot share a database in memory.
        config["TEST"] = {"NAME": str(Path(config["NAME"]).with_suffix(".test.sqlite3"))}
    return config


def _sqlite_options() -> dict[str, Any]:
    return {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }


def _mysql_options() -> dict[str, Any]:
    lock_wait = whole_number("DATABASE_LOCK_WAIT_SECONDS", default=1)
    return {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "connect_timeout": 1,
        "read_timeout": whole_number("DATABASE_READ_TIMEOUT_SECONDS", default=30),
        "init_command": f"SET SESSION innodb_lock_wait_timeout={lock_wait}, sql_mode='TRADITIONAL'",
    }


def redis_url() -> str:
    """REDIS_URL, or nothing: without Redis the database keeps the limits on logins."""
    url: str = env.str("REDIS_URL", "")
    if url and urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"REDIS_URL must begin with redis://, rediss:// or unix://, not {url!r}.")
    return url


# The package that a place for files needs, the storage that keeps them there, and the extra that brings it.
_STORAGES = {
    "s3": ("boto3", "storages.backends.s3.S3Storage", "s3"),
    "gs": ("google.cloud.storage", "storages.backends.gcloud.GoogleCloudStorage", "gcs"),
}


def receipts_storage() -> dict[str, Any]:
    """Django's storage of receipts from RECEIPTS_STORAGE: `s3://bucket/prefix`, `gs://bucket/prefix`, or nothing: FILES_DIR.

    Objects are private, and nobody is led there: files always go through the application.
    """
    url = env.str("RECEIPTS_STORAGE", "")
    if not url:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    parts = urlsplit(url)
    if parts.scheme not in _STORAGES:
        raise ImproperlyConfigured(f"RECEIPTS_STORAGE must begin with s3:// or gs://, not {parts.scheme or url!r}.")
    if not parts.netloc or url != f"{parts.scheme}://{parts.netloc}{parts.path}" or "@" in parts.netloc or ":" in parts.netloc:
        raise ImproperlyConfigured("RECEIPTS_STORAGE must name a bucket and a folder, such as s3://bucket/receipts, and nothing else.")
    package, backend, extra = _STORAGES[parts.scheme]
    if not (_is_installed("storages") and _is_installed(package)):
        raise ImproperlyConfigured(f"RECEIPTS_STORAGE needs packages that are not installed: those of the extra `{extra}`.")
    options: dict[str, Any] = {"bucket_name": parts.netloc, "location": parts.path.strip("/"), "file_overwrite": False, "default_acl": None}
    return {"BACKEND": backend, "OPTIONS": options | (_s3_options() if parts.scheme == "s3" else {})}


# Longer than a healthy storage takes for 10 MB, shorter than people wait.
_STORAGE_SECONDS = 20


def _s3_options() -> dict[str, Any]:
    from botocore.config import Config  # noqa: PLC0415 -- only there with the extra

    patience = Config(connect_timeout=3, read_timeout=_STORAGE_SECONDS, retries={"max_attempts": 2, "mode": "standard"})
    return {"client_config": patience}


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


_MAIL_SCHEMES = {"smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail", "filemail", "memorymail", "dummymail"}


def mail(default: str) -> dict[str, Any]:
    """Django's mail settings from EMAIL_URL: `smtp+tls://user:password@host:587`, or `consolemail://`, which prints."""
    url = env.str("EMAIL_URL", "") or default
    scheme = urlsplit(url).scheme
    if scheme not in _MAIL_SCHEMES:
        raise ImproperlyConfigured(f"EMAIL_URL must begin with {', '.join(sorted(_MAIL_SCHEMES))}, not {scheme or 'nothing'}.")
    try:
        config: dict[str, Any] = {**environ.Env.email_url_config(url)}
    except ValueError as error:
        raise ImproperlyConfigured("EMAIL_URL must name its port as a number.") from error
    if scheme.startswith("smtp") and not config["EMAIL_HOST"]:
        raise ImproperlyConfigured("EMAIL_URL names no host.")
    if scheme == "filemail" and not config["EMAIL_FILE_PATH"]:
        raise ImproperlyConfigured("EMAIL_URL names no folder.")
    # Longer than a healthy server takes, shorter than a worker should stand still.
    return {name: value for name, value in config.items() if value is not None and name != "OPTIONS"} | {"EMAIL_TIMEOUT": 10}


def mail_from(default: str) -> str:
    """Who mails come from. Our own default is not refused, whatever the host is called."""
    value: str = env.str("MAIL_FROM", "")
    if not value:
        return default
    try:
        validate_email(parseaddr(value)[1])
    except ValidationError as error:
        raise ImproperlyConfigured(f"MAIL_FROM must be an address, such as SpendTrackr <spend@example.com>, not {value!r}.") from error
    return value


def site_url(default: str) -> str:
    """Where links in mails lead: a scheme and a host, and nothing behind them."""
    value: str = env.str("SITE_URL", "").rstrip("/")
    if not value:
        return default
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}":
        raise ImproperlyConfigured(f"SITE_URL must be a scheme and a host, such as https://spend.example.com, not {value!r}.")
    return value
