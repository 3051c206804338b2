"""Django settings. Everything that differs between installations comes from the environment or `.env`."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF

from spendtrackr import environment

# Lets Django's classes take type arguments, as in `ModelAdmin[Card]`.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
environment.env.read_env(BASE_DIR / ".env")

MODE = environment.mode()
DEMO = MODE == "demo"
IN_PRODUCTION = MODE == "production"
DEBUG = False

SECRET_KEY = environment.secret_key(MODE, VAR_DIR)
# This machine's own name is always allowed: container health checks ask there.
ALLOWED_HOSTS = [*environment.required_words("ALLOWED_HOSTS", when=IN_PRODUCTION), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS")

# What an operator may switch. Each default is the careful one; the demo and the tests open what they show.
SIGNUP_OPEN = environment.flag("SIGNUP_OPEN", default=not IN_PRODUCTION)
SIMULATOR_ENABLED = environment.flag("SIMULATOR_ENABLED", default=not IN_PRODUCTION)
CONFIRM_ADDRESSES = environment.flag("CONFIRM_ADDRESSES", default=IN_PRODUCTION)
DOCS_OPEN = environment.flag("DOCS_OPEN", default=not IN_PRODUCTION)
API_REQUESTS_PER_MINUTE = environment.whole_number("API_REQUESTS_PER_MINUTE", default=6_000)
HTTPS = environment.flag("HTTPS", default=IN_PRODUCTION)
BEHIND_PROXY = environment.flag("BEHIND_PROXY", default=False)

# Mail. The worker sends it, and knows of no request: it must be told where links lead.
_HOST = ALLOWED_HOSTS[0].lstrip("*.") or "localhost"
SITE_URL = environment.site_url(f"https://{_HOST}" if IN_PRODUCTION else "http://127.0.0.1:8000")
DEFAULT_FROM_EMAIL = environment.mail_from(f"SpendTrackr <no-reply@{_HOST}>")
vars().update(environment.mail({"demo": "consolemail://", "test": "memorymail://"}.get(MODE, "smtp://localhost:25")))

VAR_DIR.mkdir(exist_ok=True)
DATABASES = {"default": environment.database(f"sqlite:///{VAR_DIR / 'spendtrackr.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = environment.redis_url()
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "spendtrackr",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2},  # type: ignore[dict-item]
    }

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_htmx",
    "spendtrackr",
    "companies",
    "users",
    "cards",
    "transactions",
    "reports",
]

MIDDLEWARE = [
    "spendtrackr.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "spendtrackr.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "spendtrackr.middleware.RefusalMiddleware",
    "spendtrackr.tenancy.TenancyMiddleware",
    "users.authentication.MembershipMiddleware",
]

ROOT_URLCONF = "spendtrackr.urls"
WSGI_APPLICATION = "spendtrackr.wsgi.application"

TEMPLATES = [
    {
        "NAME": "django",
        "BACKEND": "spendtrackr.templating.WrittenTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["spendtrackr.templatetags.written"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["users.authentication.OperatorBackend"]
PASSWORD_HASHERS = [
    "users.hashers.Argon2Hasher",
    # Accepted from systems that we replace, and upgraded at the next sign-in.
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
]
if MODE == "test":
    PASSWORD_HASHERS.insert(0, "django.contrib.auth.hashers.MD5PasswordHasher")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Access tokens: short-lived, signed with a key of their own, and worthless once their Session row is revoked.
TOKEN_SIGNING_KEY = environment.env.str("TOKEN_SIGNING_KEY", "") or hashlib.sha256(f"access-token:{SECRET_KEY}".encode()).hexdigest()
# Secrets of webhooks are derived from it: whoever changes it, or SECRET_KEY while it is not set, changes all of them.
WEBHOOK_KEY = environment.env.str("WEBHOOK_KEY", "") or hashlib.sha256(f"webhooks:{SECRET_KEY}".encode()).hexdigest()
# Where webhooks may go besides the public internet, and without encryption, too. In the demo to this machine.
WEBHOOK_NETWORKS = environment.networks("WEBHOOK_NETWORKS", default="127.0.0.0/8,::1/128" if DEMO else "")
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(days=30)
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": TOKEN_SIGNING_KEY,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "ISSUER": "spendtrackr",
    "AUDIENCE": "spendtrackr-api",
    "USER_ID_FIELD": "public_id",
}

SESSION_COOKIE_AGE = int(SESSION_LIFETIME.total_seconds())
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "spendtrackr.views.csrf_failure"
LOGIN_URL = "/sign-in/"

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IN_PRODUCTION
# Statements are the largest bodies we take; everything else is far below.
# Receipts. `files` outside of the web root: they are served by a view that asks who may see them.
MEDIA_ROOT = environment.folder("FILES_DIR", VAR_DIR / "files")
STORAGES = {
    "default": environment.receipts_storage(),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IN_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
RECEIPT_MAX_BYTES = 10 * 1024 * 1024
RECEIPT_MAX_PIXELS = 50_000_000
IMPORT_MAX_BYTES = 20 * 1024 * 1024
# What is booked while somebody waits for it; more rows go by an upload.
IMPORT_MAX_ROWS_AT_ONCE = 10_000
# Files of people and departments.
ROSTER_MAX_BYTES = 5 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["users.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["spendtrackr.permissions.HasMembership"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "spendtrackr.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["spendtrackr.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "spendtrackr.schema.ContractSchema",
    "EXCEPTION_HANDLER": "spendtrackr.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "SpendTrackr API",
    "VERSION": "1",
    "DESCRIPTION": "Companies, cards, swipes, statements and spend reports. Money is `{minor, currency}`; lists are cursor pages.",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "spendtrackr.examples.add_examples"],
    "DEFAULT_GENERATOR_CLASS": "spendtrackr.schema.ContractGenerator",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "users.roles.Role",
        "CompanyStatusEnum": "companies.models.CompanyStatus",
        "MembershipStatusEnum": "users.models.MembershipStatus",
        "RosterVerdictEnum": "users.serializers.VERDICTS",
        "ApiKeyStatusEnum": "users.models.KeyStatus",
        "CardStatusEnum": "cards.models.CardStatus",
        "BudgetIntervalEnum": "cards.models.BudgetInterval",
        "LimitIntervalEnum": "cards.serializers.INTERVALS",
        "RequestKindEnum": "cards.models.RequestKind",
        "NetworkRequestKindEnum": "transactions.serializers.purchases.REQUEST_KINDS",
        "RequestStatusEnum": "cards.models.RequestStatus",
        "TransactionStatusEnum": "transactions.models.TransactionStatus",
        "TransactionSourceEnum": "transactions.models.TransactionSource",
        "ApprovalStatusEnum": "transactions.models.ApprovalStatus",
        "StepStatusEnum": "transactions.models.StepStatus",
        "CardModeEnum": "cards.models.CardMode",
        "StepModeEnum": "transactions.serializers.policies.MODES",
        "PolicyStatusEnum": "transactions.serializers.policies.STATUSES",
        "RequirementEnum": "transactions.serializers.policies.WHENS",
        "OutcomeEnum": "transactions.models.Outcome",
        "BacktestKindEnum": "transactions.models.BacktestKind",
        "BacktestOutcomeEnum": "transactions.models.BacktestOutcome",
        "BacktestStatusEnum": "transactions.models.BacktestStatus",
        "LedgerAccountEnum": "transactions.models.Account",
        "ReimbursementStatusEnum": "transactions.models.ReimbursementStatus",
        "PayoutStatusEnum": "transactions.models.PayoutStatus",
        "RepaymentStatusEnum": "transactions.models.RepaymentStatus",
        "EntryKindEnum": "transactions.models.EntryKind",
        "StatementFormatEnum": "transactions.statements.formats.FORMATS",
        "StatementAccountEnum": "transactions.statements.entries.ACCOUNTS",
        "StatementIssueKindEnum": "transactions.models.IssueKind",
        "StatementUploadStatusEnum": "transactions.models.UploadStatus",
        "ExportFormatEnum": "reports.models.ExportFormat",
        "WebhookEndpointStatusEnum": "spendtrackr.models.EndpointStatus",
        "WebhookDeliveryStatusEnum": "spendtrackr.models.DeliveryStatus",
        "WebhookOutcomeEnum": "spendtrackr.models.AttemptOutcome",
        "AccountingBatchStatusEnum": "transactions.models.BatchStatus",
        "AccountingStateEnum": "transactions.serializers.accounting.STATE_CHOICES",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING" if MODE == "test" else "INFO"},
    # What a bank sends is nothing for logs: the reader of MT940 would repeat each line that it cannot read.
    "loggers": {"django.request": {"level": "ERROR"}, "mt940": {"level": "CRITICAL", "propagate": False}},
}
