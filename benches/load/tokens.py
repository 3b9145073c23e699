"""Prints a token for each of the benchmark's 4,096 users: JSON Web Tokens signed with HS256 (RFC 7515).

Called with the shared secret.
"""

import base64
import hashlib
import hmac
import json
import sys


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


secret = sys.argv[1].encode()
head = encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
for user in range(1, 4097):
    claims = encoded(json.dumps({"sub": f"user-{user}", "exp": 4102444800}).encode())
    signature = hmac.new(secret, f"{head}.{claims}".encode(), hashlib.sha256).digest()
    print(f"{head}.{claims}.{encoded(signature)}")
