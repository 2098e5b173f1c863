"""A client that knows no contract and learns it from the server, as grpcurl does: `grpc_reflected.py ADDRESS`.

Asks by names and JSON for what the generated client left behind. Prints what there is, as JSON.
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

(address,) = sys.argv[1:]
channel = grpc.insecure_channel(address)
database = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(database)


def call(method, request):
    """Calls what is named SERVICE/METHOD with JSON, and answers with JSON."""
    service, name = method.split("/")
    described = pool.FindServiceByName(service).FindMethodByName(name)
    wanted, answered = GetMessageClass(described.input_type), GetMessageClass(described.output_type)
    ask = channel.unary_unary(f"/{method}", wanted.SerializeToString, answered.FromString)
    return json_format.MessageToDict(ask(json_format.ParseDict(request, wanted())), preserving_proto_field_name=True)


services = sorted(database.get_services())
methods = {name: len(pool.FindServiceByName(name).methods) for name in services}
workspace = {"workspace": "python"}
print(
    json.dumps(
        {
            "services": services,
            "callable": all(methods.values()),
            "serving": call("grpc.health.v1.Health/Check", {})["status"],
            "workspace": call("perennial.ingest.v1.AdminService/GetWorkspace", workspace)["workspace"],
            "health": call("perennial.health.v1.HealthService/GetHealth", {**workspace, "account": "acme"})["health"],
            "ctas": call("perennial.cta.v1.CtaService/ListCtas", {**workspace, "state": "CTA_STATE_CLOSED"})["ctas"],
        }
    )
)
