"""Users of an agent through the openai SDK, unmodified, until a file says that it is enough.

Usage: openai_users.py BASE_URL STOP_FILE

Every tenth question is about a refund. Prints how many answers came and how many calls failed.
"""

import os
import sys
import threading

import openai

USERS = 4
# An end also without the file: nobody watches this script.
MOST = 4000


def ask(client, number):
    question = "a refund, please" if number % 10 == 0 else "the time, please"
    answer = client.chat.completions.create(
        model="m-5",
        messages=[{"role": "user", "content": f"{question} (order {number // 10 % 20})"}],
        extra_headers={
            "x-user-id": f"user-{number}",
            "x-tenant-id": "acme" if number % 3 else "globex",
        },
    )
    assert answer.choices[0].message.content, answer


def user(client, first, stop, counts):
    for number in range(first, MOST, USERS):
        if os.path.exists(stop):
            return
        try:
            ask(client, number)
            counts["answers"] += 1
        except openai.OpenAIError as error:
            counts["failed"] += 1
            print("failed", error, file=sys.stderr)


def main():
    base_url, stop = sys.argv[1:]
    counts = {"answers": 0, "failed": 0}
    with openai.OpenAI(base_url=base_url, api_key="test", max_retries=0, timeout=40) as client:
        users = [
            threading.Thread(target=user, args=(client, first, stop, counts))
            for first in range(USERS)
        ]
        for thread in users:
            thread.start()
        for thread in users:
            thread.join()
    print("answers", counts["answers"], "failed", counts["failed"])


main()
