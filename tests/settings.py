"""The shop's own settings, in an environment made for one test process.

Each process (each worker of a parallel run too) has stores of its own on ports of its own;
they are only started by the tests that use them.
"""

import os

from bookstore.devstack.stores import LOOPBACK, REGION, free_port

# Which stores the tests start: the embedded ones, or the real engines (see engines/).
REAL_ENGINES = os.environ.get("TEST_STORES") == "real"

AWS_PORT = free_port()
DYNAMODB_STORE_PORT = free_port() if REAL_ENGINES else AWS_PORT
DYNAMODB_PORT = free_port()  # a proxy in front of DynamoDB
COGNITO_PORT = free_port()  # a local AWS of its own, for the user pool (see integration/accounts)
SEARCH_PORT = free_port()  # proxies as well: the stores themselves stand behind
REDIS_PORT = free_port()
# Of a core, what a pump that has nothing to do may use: a real store's answers take longer to read.
IDLE_SHARE = 0.03 if REAL_ENGINES else 0.02
PROVIDER_PORT = free_port()
AWS = f"http://{LOOPBACK}:{AWS_PORT}"
COGNITO = f"http://{LOOPBACK}:{COGNITO_PORT}"
POOL = f"{REGION}_testpool0"

os.environ |= {
    # Playwright keeps a loop running in this thread, for which Django takes it for an asynchronous one.
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    "ENV_FILE": os.devnull,
    "STAGE": "test",
    "DEBUG": "0",
    "SECRET_KEY": "only-for-tests-" + 40 * "x",
    "PUBLIC_ORIGIN": "http://localhost:8000",
    "LOG_LEVEL": "INFO",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_ENDPOINT_URL": AWS,
    "AWS_ENDPOINT_URL_DYNAMODB": f"http://{LOOPBACK}:{DYNAMODB_PORT}",
    "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": f"http://{LOOPBACK}:{DYNAMODB_STORE_PORT}",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": COGNITO,
    "TABLE_PREFIX": "test-",
    # An engine that has only just started compiles its code while it answers.
    "STORE_TIMEOUT_SECONDS": "4" if REAL_ENGINES else "1",
    "OPENSEARCH_URL": f"http://{LOOPBACK}:{SEARCH_PORT}",
    "REDIS_URL": f"redis://{LOOPBACK}:{REDIS_PORT}/0",
    "DEAD_LETTER_QUEUE_URL": f"{AWS}/000000000000/test-dead-letters",
    "COVERS_BUCKET": "test-covers",
    "COVERS_URL": f"{AWS}/test-covers/",
    "COGNITO_USER_POOL_ID": POOL,
    "COGNITO_CLIENT_ID": "test-client",
    "COGNITO_CLIENT_SECRET": "test-client-secret",
    "COGNITO_ISSUER": f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}",
    "COGNITO_JWKS_URL": f"{COGNITO}/{POOL}/.well-known/jwks.json",
    "COGNITO_ORIGIN": COGNITO,
    "PAYMENT_PROVIDER": "demonstration",
    "PAYMENT_ORIGIN": f"http://{LOOPBACK}:{PROVIDER_PORT}",
    "PAYMENT_API_KEY": "test-api-key",
    "PAYMENT_WEBHOOK_SECRET": "test-webhook-secret",
    "MAIL_FROM": "shop@example.com",
    "MAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
}

from bookstore.settings import *  # noqa: E402, F403 - the environment has to stand before it is read
