def handler(event, context):
    return {"received": event}
