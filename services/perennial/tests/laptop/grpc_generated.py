"""A client generated from `proto/` in another language: `grpc_generated.py ADDRESS PROTO FOLDER`.

Makes a workspace, says what is watched in it, sends events, asks for the score that follows, and closes the CTA that a
playbook opened. Prints what it was told, as JSON.
"""

import json
import pathlib
import sys
import time
import uuid

import grpc
from grpc_tools import protoc

address, proto, folder = sys.argv[1:]
files = [str(file) for file in pathlib.Path(proto).rglob("*.proto")]
well_known = pathlib.Path(protoc.__file__).with_name("_proto")
options = [f"-I{proto}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
assert protoc.main(["protoc", *options, *files]) == 0, "the contracts do not compile"
sys.path.insert(0, folder)

from perennial.account.v1 import record_pb2 as account  # noqa: E402
from perennial.catalogue.v1 import catalogue_pb2 as catalogue, catalogue_pb2_grpc  # noqa: E402
from perennial.cta.v1 import cta_pb2 as cta, cta_pb2_grpc  # noqa: E402
from perennial.health.v1 import health_pb2 as health, health_pb2_grpc  # noqa: E402
from perennial.ingest.v1 import admin_pb2 as admin, admin_pb2_grpc  # noqa: E402
from perennial.ingest.v1 import ingest_pb2 as ingest, ingest_pb2_grpc  # noqa: E402
from perennial.log.v1 import log_pb2 as log  # noqa: E402
from perennial.segment.v1 import segment_pb2 as segment, segment_pb2_grpc  # noqa: E402

SOON = 60
WORKSPACE = "python"
DOCUMENT = {
    "measures": {"exports": {"count": {"event": "Report Exported", "window": {"days": 28}}}},
    "scorecards": [
        {
            "name": "use",
            "groups": [
                {
                    "name": "use",
                    "weight": 1,
                    "measures": [{"measure": "exports", "weight": 1, "curve": {"steps": [[0, 0], [3, 80]]}}],
                }
            ],
            "bands": {"yellow": 40, "green": 70},
        }
    ],
    "segments": {"exporting": {"when": {"measure": "exports", "at_least": 3}}},
    "playbooks": {
        "praise": {
            "trigger": {"enters": "exporting"},
            "steps": [{"open_cta": {"type": "opportunity", "title": "Offer more seats", "priority": 2}}],
        }
    },
}


def soon(ask):
    """What is asked for, once there is such a thing."""
    begun = time.monotonic()
    while True:
        try:
            if answer := ask():
                return answer
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
        assert time.monotonic() - begun < SOON, "there is no such thing"
        time.sleep(0.02)


def refusal(ask):
    """The code of what must be refused."""
    try:
        answer = ask()
    except grpc.RpcError as error:
        return error.code().name
    raise AssertionError(f"not refused: {answer}")


channel = grpc.insecure_channel(address)
administration = admin_pb2_grpc.AdminServiceStub(channel)
definitions = catalogue_pb2_grpc.CatalogueServiceStub(channel)
edge = ingest_pb2_grpc.IngestServiceStub(channel)
scores = health_pb2_grpc.HealthServiceStub(channel)
members = segment_pb2_grpc.SegmentServiceStub(channel)
ctas = cta_pb2_grpc.CtaServiceStub(channel)

wanted = admin.CreateWorkspaceRequest(workspace=WORKSPACE, time_zone="UTC", clock=log.CLOCK_KIND_WALL)
administration.CreateWorkspace(wanted)
other = admin.CreateWorkspaceRequest(workspace=WORKSPACE, time_zone="Europe/Berlin", clock=log.CLOCK_KIND_WALL)
taken_already = refusal(lambda: administration.CreateWorkspace(other))
key = administration.CreateWriteKey(admin.CreateWriteKeyRequest(workspace=WORKSPACE, source="python")).secret

wrong = catalogue.ApplyCatalogueRequest(workspace=WORKSPACE, document=json.dumps({"segments": {"x": {"when": {}}}}))
invalid = refusal(lambda: definitions.ApplyCatalogue(wrong))
apply = catalogue.ApplyCatalogueRequest(workspace=WORKSPACE, document=json.dumps(DOCUMENT), by="python")
version = definitions.ApplyCatalogue(apply).version
exported = definitions.ExportCatalogue(catalogue.ExportCatalogueRequest(workspace=WORKSPACE))

call = {"type": "track", "event": "Report Exported", "userId": "ana", "context": {"groupId": "acme"}}
calls = [json.dumps({**call, "messageId": f"m{number}"}) for number in range(4)]
taken = edge.IngestBatch(ingest.IngestBatchRequest(write_key=key, calls=[*calls, "{}"]))


def scored():
    found = scores.GetHealth(health.GetHealthRequest(workspace=WORKSPACE, account="acme")).health
    return found if found.HasField("score") and found.score == 80 else None


score = soon(scored)
exporting = segment.ListMembersRequest(workspace=WORKSPACE, segment="exporting")
member = soon(lambda: members.ListMembers(exporting).members)[0].account
opened = soon(lambda: ctas.ListCtas(cta.ListCtasRequest(workspace=WORKSPACE)).ctas)[0]
command = cta.Command(workspace=WORKSPACE, cta=opened.cta, by="cs@example.com", command_id=str(uuid.uuid4()))
close = cta.CloseCtaRequest(command=command, outcome="saved")
# The second is the first one repeated.
closed, repeated = ctas.CloseCta(close).cta, ctas.CloseCta(close).cta
unknown = health.GetHealthRequest(workspace=WORKSPACE, account="nobody")

print(
    json.dumps(
        {
            "taken_already": taken_already,
            "invalid": invalid,
            "version": version,
            "exported": exported.version == version and "exporting" in exported.document,
            "accepted": taken.accepted,
            "quarantined": taken.quarantined,
            "band": account.Band.Name(score.band),
            "member": member,
            "title": opened.title,
            "opened": account.CtaState.Name(opened.state),
            "closed": account.CtaState.Name(closed.state),
            "outcome": closed.outcome,
            "by": closed.by,
            "repeated": repeated == closed,
            "unknown": refusal(lambda: scores.GetHealth(unknown)),
        }
    )
)
