import json


def handler(event, context):
    """Would scale the picture that the event names."""
    context.getLogger().info("picture " + json.dumps(event))
    return {"scaled": event.get("key")}


def initializer(context):
    context.getLogger().info("ready")
