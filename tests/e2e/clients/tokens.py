"""Keys and tokens made by PyJWT, an implementation that is not ours.

Usage: tokens.py DIRECTORY
Writes jwks.json there and prints a JSON object: name -> token.
"""

import hashlib
import hmac
import json
import pathlib
import sys
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = "a secret of at least thirty-two bytes!"


def public(algorithm, key, kid):
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid, "alg": algorithm, "use": "sig"}


def confused(claims, key):
    """A token whose HMAC secret is the public key: the algorithm confusion attack."""
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}, claims]
    text = b".".join(jwt.utils.base64url_encode(json.dumps(part).encode()) for part in parts)
    signature = jwt.utils.base64url_encode(hmac.digest(pem, text, hashlib.sha256))
    return (text + b"." + signature).decode()


def main():
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other_rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    ed_key = ed25519.Ed25519PrivateKey.generate()
    keys = [
        public("RS256", rsa_key, "rsa-1"),
        public("ES256", ec_key, "ec-1"),
        public("EdDSA", ed_key, "ed-1"),
    ]
    pathlib.Path(sys.argv[1], "jwks.json").write_text(json.dumps({"keys": keys}))

    now = int(time.time())
    claims = {"org_id": "acme", "sub": "ada", "exp": now + 3600, "iss": "issuer", "aud": "agents"}

    def sign(key, algorithm, kid=None, **changes):
        merged = {k: v for k, v in {**claims, **changes}.items() if v is not None}
        return jwt.encode(merged, key, algorithm, headers={"kid": kid} if kid else None)

    rs256 = sign(rsa_key, "RS256", "rsa-1")
    head, body, signature = rs256.split(".")
    tampered = jwt.utils.base64url_encode(
        json.dumps({**claims, "org_id": "globex"}).encode()
    ).decode()
    tokens = {
        "hs256": sign(SECRET, "HS256"),
        "rs256": rs256,
        "es256": sign(ec_key, "ES256", "ec-1"),
        "eddsa": sign(ed_key, "EdDSA", "ed-1"),
        "expired": sign(rsa_key, "RS256", "rsa-1", exp=now - 3600),
        "wrong_key": sign(other_rsa_key, "RS256", "rsa-1"),
        "wrong_issuer": sign(rsa_key, "RS256", "rsa-1", iss="someone"),
        "wrong_audience": sign(rsa_key, "RS256", "rsa-1", aud="others"),
        "unknown_kid": sign(other_rsa_key, "RS256", "rsa-9"),
        "unsigned": jwt.encode(claims, None, "none"),
        "tampered": f"{head}.{tampered}.{signature}",
        "confused": confused(claims, rsa_key),
        "wrong_secret": sign("another secret, just as long as it!!", "HS256"),
    }
    print(json.dumps(tokens))


main()
