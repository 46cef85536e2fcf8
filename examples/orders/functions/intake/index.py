"""Checks an order: the failure of a bad one ends in the bucket, a good one goes on to be settled."""


def handler(event, context):
    items = event.get("items", [])
    if not items:
        raise ValueError("an order needs items")
    total = sum(item["price"] * item["count"] for item in items)
    return {"order": event.get("id"), "total": total}
