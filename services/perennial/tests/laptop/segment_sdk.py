"""Segment's own SDK, unmodified, as the README shows it: `segment_sdk.py URL WRITE_KEY`.

Prints how many calls its error handler heard of.
"""

import sys

import segment.analytics as analytics

url, write_key = sys.argv[1:]
failed = []

analytics.write_key = write_key
analytics.host = url
analytics.max_retries = 0
analytics.on_error = lambda error, items: failed.extend(items)

analytics.identify("ana", {"email": "ana@example.com", "title": "Head of Finance"})
analytics.group("ana", "acme", {"name": "Acme", "plan": "enterprise"})
analytics.track("ana", "Report Exported", {"pages": 12}, context={"groupId": "acme"})
analytics.flush()
print(len(failed))
