"""Requests to the gatekeeper, by HTTP."""

import httpx

NATIVE, SEGMENT = "/v1/touchpoints", "/v1/track"
EVENT = {"event": "Plan Chosen", "user_id": "u"}
CALL = {"event": "Plan Chosen", "userId": "u"}


async def post(
    client: httpx.AsyncClient, *headers: dict[str, str], count: int = 1
) -> httpx.Response:
    merged = {name: value for each in headers for name, value in each.items()}
    return await client.post(NATIVE, json=[EVENT] * count, headers=merged)


def verdict(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")
