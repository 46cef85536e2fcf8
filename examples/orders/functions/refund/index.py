"""Gives money back for an order."""


def handler(event, context):
    if not context.getUserData("PAYMENT_KEY"):
        raise RuntimeError("there is no key to the payment service")
    return {"order": event["order"], "refunded": True}
