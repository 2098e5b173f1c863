"""A product that sends with an SDK for Python, unmodified: `python_sdk.py segment|rudder URL WRITE_KEY RETRIES CLOCK`,
CLOCK the milliseconds by which the machine's clock is off.

Each line of standard input names a round, in which it makes every call that the SDK has. When the SDK is through with
them it answers with a line: what was called, when by its own clock (milliseconds), and what reached the error handler.
"""

import importlib
import json
import sys
from datetime import datetime, timedelta, timezone

import time_machine

sdk, url, write_key, retries, clock = sys.argv[1:]
time_machine.travel(datetime.now(timezone.utc) + timedelta(milliseconds=int(clock)), tick=True).start()

package = {"segment": "segment.analytics.client", "rudder": "rudderstack.analytics.client"}[sdk]
failed = []

client = importlib.import_module(package).Client(
    write_key,
    host=url,
    on_error=lambda error, items: failed.extend(item["messageId"] for item in items),
    max_retries=int(retries),
    upload_interval=0.2,
)


def calls(name):
    yield "identify", lambda at: client.identify("ana", {"email": "ana@example.com", "round": name}, timestamp=at)
    yield "group", lambda at: client.group("ana", "acme", {"name": "Acme", "round": name}, timestamp=at)
    yield "track", lambda at: client.track("ana", f"Did {name}", {"pages": 12}, timestamp=at)
    yield "page", lambda at: client.page("ana", "Docs", f"Page {name}", timestamp=at)
    yield "screen", lambda at: client.screen("ana", "App", f"Screen {name}", timestamp=at)
    yield "alias", lambda at: client.alias(f"before {name}", "ana", timestamp=at, message_id=f"alias {name}")
    yield "other", lambda at: client.track("bob", f"Other {name}", context={"groupId": "bolt"}, timestamp=at)


def answer(name):
    failed.clear()
    made, ids = {}, {}
    for kind, call in calls(name):
        now = datetime.now(timezone.utc)
        # What happened yesterday comes with its time; the rest the SDK times itself.
        at = now - timedelta(days=1) if kind == "track" else None
        queued, message = call(at)
        assert queued, f"{kind} is not taken by the SDK"
        made[kind] = (at or now).timestamp() * 1000
        ids[message["messageId"]] = kind
    client.flush()
    return {"made": made, "failed": sorted(ids[id] for id in failed), "ids": ids}


for line in sys.stdin:
    print(json.dumps(answer(line.strip())), flush=True)
