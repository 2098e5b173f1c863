"""Verifies a webhook with the official library: its secret, headers and body as JSON on standard input."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

message = json.load(sys.stdin)
try:
    Webhook(message["secret"]).verify(message["body"], message["headers"])
except WebhookVerificationError as error:
    sys.exit(f"refused: {error}")
print("verified")
