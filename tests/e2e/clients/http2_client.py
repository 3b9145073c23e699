"""httpx, unmodified, over TLS: a request, an upload, thirty at once.

Usage: http2_client.py IP PORT CA VERSION
"""

import asyncio
import ssl
import sys

import httpx


async def main():
    ip, port, ca, version = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    url = f"https://{ip}:{port}"
    async with httpx.AsyncClient(http2=True, verify=context, timeout=40) as client:
        answer = await client.post(url, content=b"hello")
        assert (answer.http_version, answer.content) == (version, b"hello"), answer
        print("ok request")
        large = bytes(range(256)) * 8192

        async def pieces():
            for at in range(0, len(large), 50_000):
                yield large[at : at + 50_000]

        answer = await client.post(url, content=pieces())
        assert answer.content == large
        print("ok upload")
        answers = await asyncio.gather(
            *(client.post(f"{url}/{n}", content=f"{n}".encode()) for n in range(30))
        )
        assert [answer.text for answer in answers] == [f"{n}" for n in range(30)]
        print("ok parallel")


asyncio.run(main())
