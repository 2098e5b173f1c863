"""Makes a topic, or puts CloudEvents into it as the Python SDK makes them: python cloudevents_sdk.py BROKERS TOPIC make|send

Reads a JSON array from standard input. Of each item `mode` says what it is: `structured` and `binary` are events with
`attributes` and `data`; `raw` is a record with `headers` and a `value` (null: none). Every item goes twice.
"""

import json
import sys
from datetime import datetime

from cloudevents.core.bindings.kafka import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic


def record(item):
    """Headers, key and value."""
    if item["mode"] == "raw":
        value = item["value"]
        headers = [(name, text.encode()) for name, text in item["headers"].items()]
        return headers, item.get("key"), None if value is None else value.encode("latin-1")
    attributes = dict(item["attributes"])
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"])
    event = CloudEvent(attributes=attributes, data=item["data"])
    message = {"structured": to_structured_event, "binary": to_binary_event}[item["mode"]](event)
    return list(message.headers.items()), message.key, message.value


def main(brokers, topic, task):
    if task == "make":
        admin = AdminClient({"bootstrap.servers": brokers})
        admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
        return
    failed = []
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
    for headers, key, value in [record(item) for item in json.load(sys.stdin)] * 2:
        producer.produce(
            topic, value=value, key=key, headers=headers, on_delivery=lambda error, _: error and failed.append(error)
        )
    left = producer.flush(30)
    if left or failed:
        sys.exit(f"{left} not delivered, {failed}")


main(*sys.argv[1:])
