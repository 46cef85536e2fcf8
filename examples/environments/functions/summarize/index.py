def handler(event, context):
    return {"summary": event}
