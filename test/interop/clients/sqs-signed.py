"""Debian's boto3 with an access key: it sends, receives, presigns, and is refused with another secret. argv: the endpoint, a key, its secret."""

import sys
import urllib.request

import boto3
from botocore.exceptions import ClientError

endpoint, key, secret = sys.argv[1:4]


def client(secret):
    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def refusal(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


sqs = client(secret)
url = sqs.create_queue(QueueName="mail")["QueueUrl"]
sqs.send_message(QueueUrl=url, MessageBody="hello é + % ~ ' ( ) * world")

link = sqs.generate_presigned_url(
    "send_message", Params={"QueueUrl": url, "MessageBody": "by a link: + % ~"}, ExpiresIn=60, HttpMethod="GET"
)
assert urllib.request.urlopen(link).status == 200
try:
    urllib.request.urlopen(link.replace("link", "forgery"))
    raise AssertionError("a changed link was taken")
except urllib.error.HTTPError as error:
    assert error.code == 403 and b"SignatureDoesNotMatch" in error.read()

bodies = []
while len(bodies) < 2:
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", []):
        bodies.append(message["Body"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
assert sorted(bodies) == ["by a link: + % ~", "hello é + % ~ ' ( ) * world"], bodies

assert refusal(client("another secret").list_queues) == ("SignatureDoesNotMatch", 403)
assert refusal(lambda: sqs.create_queue(QueueName="other")) == ("AccessDenied", 403)
print("ok")
