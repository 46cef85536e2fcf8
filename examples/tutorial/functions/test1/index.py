"""Answers with its event; an event with a true `fail` makes it fail, so that both notifications can be seen."""

import json


def handler(event, context):
    if isinstance(event, dict) and event.get("fail"):
        raise RuntimeError("the event asks for a failure")
    return {"statusCode": 200, "body": json.dumps(event)}
