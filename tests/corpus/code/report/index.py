def handler(event, context):
    return "report for " + str(event)
