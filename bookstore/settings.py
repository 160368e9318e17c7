"""The one settings file: everything that differs between places comes from the environment.

`.env.example` lists every variable with its unit. The local shop writes its addresses to
`.devstack/env`, which is read here, so that `manage.py` works in a second terminal. The shop
does not start half-configured: all that is missing or wrong is named at once.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from dotenv import load_dotenv

from bookstore.aws import is_loopback
from bookstore.secrets import SecretsError, load_secrets
from bookstore.variables import Variables

BASE_DIR = Path(__file__).resolve().parent.parent

env_file = Path(os.environ.get("ENV_FILE") or BASE_DIR / ".devstack" / "env")
if env_file.is_file():
    # The file goes before the shell, and a person's own AWS profile and keys are left out: a local
    # shop and a real one must never be mixed. It is put into the process, as botocore reads it there.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    load_dotenv(env_file, override=True, interpolate=False)
try:
    load_secrets()
except SecretsError as error:
    raise ImproperlyConfigured(
        f"{error}. SECRETS names them, and the process's role has to allow reading each."
    ) from error
env = Variables(os.environ)

# What this process is, and where the public finds it.
STAGE: str = env.text("STAGE", one_of=("development", "test", "staging", "production"))
DEBUG: bool = env.flag("DEBUG", False)
SECRET_KEY: str = env.text("SECRET_KEY", at_least=50)
SECRET_KEY_BEFORE: str = env.text("SECRET_KEY_BEFORE", "")
PUBLIC_ORIGIN: str = env.text("PUBLIC_ORIGIN", shape=r"https?://[^/]+")
EDGE_SECRET: str = env.text("EDGE_SECRET", "")
EDGE_SECRET_BEFORE: str = env.text("EDGE_SECRET_BEFORE", "")
LOG_LEVEL: str = env.text("LOG_LEVEL", "INFO")

# The stores.
AWS_REGION: str = env.text("AWS_REGION")
AWS_ENDPOINT_URL: str = env.text("AWS_ENDPOINT_URL", "")
TABLE_PREFIX: str = env.text("TABLE_PREFIX")
STORE_TIMEOUT_SECONDS: float = env.number("STORE_TIMEOUT_SECONDS", 1.0)
DYNAMODB_RETRIES: int = env.whole("DYNAMODB_RETRIES", 1)
DYNAMODB_POOL_CONNECTIONS: int = env.whole("DYNAMODB_POOL_CONNECTIONS", 20)
OPENSEARCH_URL: str = env.text("OPENSEARCH_URL")
OPENSEARCH_AUTH: str = env.text("OPENSEARCH_AUTH", "", one_of=("", "aws"))
SEARCH_INDEX: str = env.text("SEARCH_INDEX", "books")
ORDER_SEARCH_INDEX: str = env.text("ORDER_SEARCH_INDEX", "orders")
REDIS_URL: str = env.text("REDIS_URL")
REDIS_PASSWORD: str = env.text("REDIS_PASSWORD", "")
REDIS_TIMEOUT_SECONDS: float = env.number("REDIS_TIMEOUT_SECONDS", 0.3)
DEAD_LETTER_QUEUE_URL: str = env.text("DEAD_LETTER_QUEUE_URL")
COVERS_BUCKET: str = env.text("COVERS_BUCKET")
COVERS_URL: str = env.text("COVERS_URL", shape=r"https?://.+/")
STATIC_URL: str = env.text("STATIC_URL", "/static/")
TASKS_FUNCTION: str = env.text("TASKS_FUNCTION", "")

# Sign-in with Cognito.
COGNITO_USER_POOL_ID: str = env.text("COGNITO_USER_POOL_ID")
COGNITO_CLIENT_ID: str = env.text("COGNITO_CLIENT_ID")
COGNITO_CLIENT_SECRET: str = env.text("COGNITO_CLIENT_SECRET")
COGNITO_ISSUER: str = env.text("COGNITO_ISSUER")
COGNITO_ORIGIN: str = env.text("COGNITO_ORIGIN")
COGNITO_SIGN_UP_URL: str = env.text("COGNITO_SIGN_UP_URL", "")
COGNITO_FORGOTTEN_PASSWORD_URL: str = env.text("COGNITO_FORGOTTEN_PASSWORD_URL", "")

# Payment.
PAYMENT_PROVIDER: str = env.text("PAYMENT_PROVIDER", "", one_of=("", "demonstration"))
PAYMENT_ORIGIN: str = env.text("PAYMENT_ORIGIN", "")
PAYMENT_API_KEY: str = env.text("PAYMENT_API_KEY", "")
PAYMENT_WEBHOOK_SECRET: str = env.text("PAYMENT_WEBHOOK_SECRET", "")

# The shop.
CURRENCY: str = env.text("CURRENCY", "GBP")
HOME_COUNTRY: str = env.text("HOME_COUNTRY", "GB")
TIME_ZONE: str = env.text("SHOP_TIME_ZONE", "Europe/London")
MAIL_FROM: str = env.text("MAIL_FROM")
MAIL_BACKEND: str = env.text("MAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
MAIL_OPTIONS: dict[str, str] = env.pairs("MAIL_OPTIONS", {})
GUEST_CART_DAYS: int = env.whole("GUEST_CART_DAYS", 30)
UNPAID_ORDER_MINUTES: int = env.whole("UNPAID_ORDER_MINUTES", 30)
LATE_ORDER_DAYS: int = env.whole("LATE_ORDER_DAYS", 2)
QUEUE_SHARDS: int = env.whole("QUEUE_SHARDS", 1)
COUNTED_SALES_DAYS: int = env.whole("COUNTED_SALES_DAYS", 45)

mistakes = env.mistakes
if not 1 <= QUEUE_SHARDS <= 16:  # noqa: PLR2004 - orders.queues.MOST_SHARDS
    mistakes.setdefault("QUEUE_SHARDS", "Has to be from 1 to 16.")
if STAGE in {"staging", "production"}:
    if DEBUG:
        mistakes["DEBUG"] = f"Shows source and settings to everyone: not in {STAGE}."
    # http on this machine rehearses the deployment against a local AWS.
    if urlsplit(PUBLIC_ORIGIN).scheme == "http" and not is_loopback(PUBLIC_ORIGIN):
        mistakes["PUBLIC_ORIGIN"] = f"Has to begin with https:// in {STAGE}."
if PAYMENT_PROVIDER == "demonstration":
    addresses = {
        "AWS_ENDPOINT_URL": AWS_ENDPOINT_URL,
        "OPENSEARCH_URL": OPENSEARCH_URL,
        "PAYMENT_ORIGIN": PAYMENT_ORIGIN,
        "PUBLIC_ORIGIN": PUBLIC_ORIGIN,
        "REDIS_URL": REDIS_URL,
    }
    if foreign := [name for name, address in addresses.items() if not is_loopback(address)]:
        mistakes["PAYMENT_PROVIDER"] = (
            "The demonstration takes no money, and serves only where every address is this machine's own: "
            f"not so {', '.join(foreign)}."
        )
if EDGE_SECRET_BEFORE and not EDGE_SECRET:
    mistakes["EDGE_SECRET"] = "Is missing beside EDGE_SECRET_BEFORE: nothing would be asked for."  # noqa: S105 - no secret
if REDIS_PASSWORD and not REDIS_URL.startswith("rediss://"):
    mistakes["REDIS_URL"] = "Has to begin with rediss://: REDIS_PASSWORD would travel in clear."
if mistakes:
    told = "; ".join(f"{name}: {what}" for name, what in sorted(mistakes.items()))
    raise ImproperlyConfigured(
        f"The environment is incomplete or wrong ({told}). `make run` sets up a local shop; "
        ".env.example explains every variable."
    )

SECRET_KEY_FALLBACKS = [SECRET_KEY_BEFORE] if SECRET_KEY_BEFORE else []
HTTPS = PUBLIC_ORIGIN.startswith("https://")
# Cookies ignore ports: in development their names carry it, so that two shops live side by side.
COOKIE_PREFIX = "__Host-" if HTTPS else f"p{urlsplit(PUBLIC_ORIGIN).port or 80}-"

ROOT_URLCONF = "bookstore.urls"
WSGI_APPLICATION = "bookstore.wsgi.application"
# Every page's address is absolute from PUBLIC_ORIGIN; the Host header is never trusted for one,
# and behind API Gateway it is another than the shop's.
ALLOWED_HOSTS = ["*"]
FORCE_SCRIPT_NAME = ""
APPEND_SLASH = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "bootstrap",
    "django_htmx",
    "mozilla_django_oidc",
    "bookstore.dynamodb",
    "bookstore.dynamodb.admin",
    "bookstore.dynamodb.admin.apps.StockAdminConfig",
    "bookstore.streams",
    "bookstore.tasks",
    "bookstore.accounts",
    *(["bookstore.devstack"] if STAGE in {"development", "test"} else []),
    "catalog",
    "cart",
    "orders",
    "leaderboard",
]

MIDDLEWARE = [
    "bookstore.middleware.RequestLog",
    "bookstore.middleware.StoreFailures",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "bookstore.dynamodb.admin.middleware.AdminOnDemand",
    "bookstore.middleware.CacheRules",  # outside of sessions and messages, so that it sees their cookies
    "bookstore.middleware.OwnOriginOnly",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "bookstore.accounts.middleware.SignedInCustomer",
    "bookstore.accounts.middleware.StaffSession",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": ["bookstore.views.shop"],
            "libraries": {"typesetting": "bookstore.typesetting"},
        },
    }
]

# No SQL: DynamoDB is the only source of truth.
DATABASES = {"default": {"ENGINE": "bookstore.dynamodb.engine"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            **({"PASSWORD": REDIS_PASSWORD} if REDIS_PASSWORD else {}),
        },
    }
}

# Sessions and cookies.
SESSION_ENGINE = "bookstore.dynamodb.sessions"
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would lose the session on the way back from Cognito
SESSION_COOKIE_AGE = 14 * 24 * 60 * 60  # seconds
SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
CART_COOKIE_NAME = f"{COOKIE_PREFIX}cart"
MESSAGE_STORAGE = "bookstore.messages.CookieMessages"
MESSAGES_COOKIE_NAME = f"{COOKIE_PREFIX}messages"

# Sign-in: the code flow with PKCE and nonce; the id token's aud, iss and token_use are
# checked in bookstore.accounts.oidc, which mozilla-django-oidc leaves out.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["bookstore.accounts.oidc.CognitoBackend"]
LOGIN_URL = "/oidc/authenticate/"
LOGIN_REDIRECT_URL = "/"
LOGIN_REDIRECT_URL_FAILURE = "/account/sign-in-failed/"
LOGOUT_REDIRECT_URL = "/"
OIDC_RP_CLIENT_ID = COGNITO_CLIENT_ID
OIDC_RP_CLIENT_SECRET = COGNITO_CLIENT_SECRET
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_RP_SCOPES = "openid email profile"
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{COGNITO_ORIGIN}/oauth2/authorize"
OIDC_OP_TOKEN_ENDPOINT = f"{COGNITO_ORIGIN}/oauth2/token"
OIDC_OP_USER_ENDPOINT = f"{COGNITO_ORIGIN}/oauth2/userInfo"
OIDC_OP_LOGOUT_ENDPOINT = f"{COGNITO_ORIGIN}/logout"
# Cognito's keys stand under its issuer; the local pool's issuer is AWS's name, its keys are here.
OIDC_OP_JWKS_ENDPOINT: str = os.environ.get("COGNITO_JWKS_URL") or f"{COGNITO_ISSUER}/.well-known/jwks.json"
OIDC_OP_LOGOUT_URL_METHOD = "bookstore.accounts.oidc.logout_url"
OIDC_CALLBACK_CLASS = "bookstore.accounts.views.SignInReturn"
OIDC_AUTHENTICATE_CLASS = "bookstore.accounts.views.SignIn"
OIDC_USE_PKCE = True
OIDC_TIMEOUT = 5  # seconds
OIDC_STORE_ACCESS_TOKEN = False
OIDC_STORE_ID_TOKEN = False
OIDC_MAX_STATES = 5

# The admin for staff: Django's own, imported when somebody first asks for it.
ADMIN_PATH = "/admin/"
ADMIN_URLCONF = "bookstore.staff_urls"
ADMIN_LOGOUT_VIEW = "bookstore.accounts.views.SignOut"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_100  # an action takes 1,000 rows, and to delete them names each in its form
STAFF_REST_SECONDS = 30 * 60  # without a request for the admin, after which staff sign in again
STAFF_SESSION_SECONDS = 12 * 60 * 60  # in all

# Files: covers in S3; static files at STATIC_URL where that is another origin's, else from Django.
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": COVERS_BUCKET,
            "region_name": AWS_REGION,
            "querystring_auth": False,
            "custom_domain": urlsplit(COVERS_URL).netloc + urlsplit(COVERS_URL).path.rstrip("/"),
            "url_protocol": f"{urlsplit(COVERS_URL).scheme}:",
            "object_parameters": {"CacheControl": "public, max-age=86400"},
            "file_overwrite": True,
            # Botocore's own time-outs are a minute each. A cover takes longer to store than an item.
            "client_config": Config(
                connect_timeout=STORE_TIMEOUT_SECONDS,
                read_timeout=2 * STORE_TIMEOUT_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 2},
                s3={"addressing_style": "path"},
            ),
        },
    },
    # Deployed, hashed files are uploaded beforehand, and the package carries the list of their names.
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
            if urlsplit(STATIC_URL).netloc
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"

# Security. Cross-site requests are refused by their headers (bookstore.middleware.OwnOriginOnly),
# so that public pages need no token and can be the same for everyone.
SECURE_SSL_REDIRECT = False  # CloudFront redirects to https
# Written by bookstore.functions.web, whatever came in: Zappa calls every request https.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_covers_origin = "{0.scheme}://{0.netloc}".format(urlsplit(COVERS_URL))
_static_origin = [f"https://{urlsplit(STATIC_URL).netloc}"] if urlsplit(STATIC_URL).netloc else []
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, *_static_origin],
    "style-src": [CSP.SELF, *_static_origin],
    "font-src": [CSP.SELF, *_static_origin],
    "img-src": [CSP.SELF, "data:", _covers_origin, *_static_origin],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    # A form whose answer leads elsewhere: sign-in and sign-out at Cognito, payment at the provider.
    "form-action": [CSP.SELF, COGNITO_ORIGIN, *([PAYMENT_ORIGIN] if PAYMENT_ORIGIN else [])],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "object-src": [CSP.NONE],
}
SILENCED_SYSTEM_CHECKS = [
    "security.W003",  # no CsrfViewMiddleware: OwnOriginOnly refuses cross-site requests by their headers
    "security.W008",  # no redirect to https: CloudFront does it, the API behind it is https only
]

# Words and numbers.
LANGUAGE_CODE = "en-gb"
USE_I18N = True
FORMAT_MODULE_PATH = "bookstore.formats"
USE_TZ = True
DEFAULT_FROM_EMAIL = MAIL_FROM
_mail_options: dict[str, object] = {**MAIL_OPTIONS}
if MAIL_BACKEND.endswith(".smtp.EmailBackend"):  # which would wait for ever
    _mail_options["timeout"] = float(MAIL_OPTIONS.get("timeout", 5))  # seconds
elif MAIL_BACKEND == "django_ses.SESBackend":
    _mail_options |= {
        "aws_region_name": AWS_REGION,
        "aws_region_endpoint": AWS_ENDPOINT_URL or f"https://email.{AWS_REGION}.amazonaws.com",
        "aws_config": Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1}),
    }
AWS_SES_AUTO_THROTTLE = None  # it would ask for the quota before each letter, and sleep
MAILERS = {"default": {"BACKEND": MAIL_BACKEND, "OPTIONS": _mail_options}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "bookstore.logs.JSONFormatter"},
        "lines": {"()": "bookstore.logs.LineFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "lines" if STAGE == "development" else "json",
        },
        "none": {"class": "logging.NullHandler"},  # without any handler Python prints errors all the same
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # RequestLog says each request once.
        "django.server": {"handlers": ["none"], "level": "ERROR", "propagate": False},
        "django.request": {"level": "ERROR"},
        "botocore": {"level": "WARNING"},
        "opensearch": {"level": "ERROR"},
        "opensearchpy.trace": {"level": "ERROR"},  # it writes whole documents
        "pynamodb": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},
    },
}
