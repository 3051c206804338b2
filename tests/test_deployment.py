"""How it is installed and run, read from the files themselves: no container engine is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)


@pytest.fixture
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_compose_runs_mysql_redis_web_and_a_worker(compose):
    services = compose["services"]
    assert set(services) == {"mysql", "redis", "migrate", "web", "worker"}
    assert services["mysql"]["image"] == "mysql:8.4"
    assert services["redis"]["image"].startswith("redis:")
    assert services["worker"]["command"] == ["python", "manage.py", "worker"]


def test_web_and_worker_start_when_the_database_is_ready_and_migrated(compose):
    for name in ("web", "worker"):
        assert compose["services"][name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert compose["services"]["migrate"]["depends_on"]["mysql"] == {"condition": "service_healthy"}
    assert all("healthcheck" in compose["services"][name] for name in ("mysql", "redis", "web"))


def test_receipts_outlive_a_container(compose):
    for name in ("web", "worker"):
        assert compose["services"][name]["volumes"] == ["files:/files"]
        assert compose["services"][name]["environment"]["FILES_DIR"] == "/files"
    assert "files" in compose["volumes"]
    assert "chown spendtrackr var /files" in (ROOT / "Dockerfile").read_text()


def test_compose_has_no_secret_of_its_own(compose):
    environment = compose["services"]["web"]["environment"]
    assert environment["SPENDTRACKR_MODE"] == "production"
    for name in ("SECRET_KEY", "ALLOWED_HOSTS"):
        assert re.fullmatch(rf"\$\{{{name}:\?.+\}}", environment[name])
    assert "${MYSQL_PASSWORD:?" in environment["DATABASE_URL"]
    assert (environment["SIMULATOR_ENABLED"], environment["SIGNUP_OPEN"]) == ("${SIMULATOR_ENABLED:-false}", "${SIGNUP_OPEN:-false}")


def test_every_setting_that_compose_passes_is_one_that_we_read(compose):
    known = (ROOT / "spendtrackr" / "settings.py").read_text() + (ROOT / "spendtrackr" / "environment.py").read_text()
    for name in compose["services"]["web"]["environment"]:
        assert f'"{name}"' in known, name


def test_the_image_is_production_and_not_root():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER spendtrackr" in last
    assert any("collectstatic" in line for line in last)
    assert not any("gcc" in line for line in last)
    assert lines[[line.startswith("COPY requirements/") for line in lines].index(True)].split()[1] == "requirements/prod.txt"
    assert (ROOT / "requirements" / "prod.txt").exists()


@pytest.mark.parametrize("name", ["base", "prod", "test", "dev"])
def test_requirements_are_pinned_with_hashes_and_name_no_address(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE)
    assert pins
    assert all(re.search(rf"^{re.escape(pin)}==[^\n]*\\\n\s+--hash=sha256:", text, re.MULTILINE) for pin in pins)
    assert "://" not in text


def test_the_demo_needs_no_compiler():
    base = (ROOT / "requirements" / "base.txt").read_text()
    assert "mysqlclient" not in base
    assert "django-redis" not in base


@pytest.mark.parametrize("target", ["help", "demo", "test", "check", "lock", "e2e"])
def test_make_has_the_targets_that_people_are_told_of(target):
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## .+", makefile, re.MULTILINE)
    assert target in re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split()


def test_every_setting_is_documented():
    read = set(
        re.findall(
            r'environment\.(?:flag|words|required_words|whole_number|folder|env\.str)\(\s*"([A-Z_]+)"',
            (ROOT / "spendtrackr" / "settings.py").read_text(),
        )
    )
    read |= set(re.findall(r'(?:flag|whole_number|env\.str)\("([A-Z_]+)"', (ROOT / "spendtrackr" / "environment.py").read_text()))
    documented = (ROOT / "docs" / "operating.md").read_text()
    assert len(read) > 10
    assert [name for name in sorted(read) if f"`{name}`" not in documented] == []
