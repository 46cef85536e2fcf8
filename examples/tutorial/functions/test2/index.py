"""Is told of each success of test1, and logs what it is told."""

import json


def handler(event, context):
    request = event["request_context"]["request_id"]
    print(f"test1 ended in success: request {request}")
    print(json.dumps(event["response_payload"]))
    return "noted"
