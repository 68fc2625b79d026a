# Kombu's SQS transport, which is Celery's. usage: python3 sqs-kombu.py ENDPOINT
import sys
from kombu import Connection

address = sys.argv[1].replace('http://', '')
with Connection('sqs://x:y@' + address, transport_options={
        'region': 'us-east-1', 'is_secure': False, 'wait_time_seconds': 1}) as connection:
    queue = connection.SimpleQueue('kombu')
    queue.put({'a': 1})
    message = queue.get(timeout=10)
    print(message.payload)
    message.ack()
    print(queue.qsize())
    queue.close()
