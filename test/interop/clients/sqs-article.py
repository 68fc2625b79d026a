# The two SQS programs of an article about queues in Python, with the queue's URL and the endpoint that they leave open.
# usage: python3 sqs-article.py ENDPOINT
import sys
import boto3
from botocore.exceptions import ClientError

settings = {'endpoint_url': sys.argv[1], 'region_name': 'us-east-1',
            'aws_access_key_id': 'x', 'aws_secret_access_key': 'y'}


def send_sqs_message(sqs_queue_url, msg_body):

    # Send the SQS message
    sqs_client = boto3.client('sqs', **settings)

    msg = sqs_client.send_message(QueueUrl=sqs_queue_url, MessageBody=msg_body)

    return msg


def retrieve_sqs_messages(sqs_queue_url, num_msgs=1, wait_time=0, visibility_time=5):

    # Retrieve messages from an SQS queue
    sqs_client = boto3.client('sqs', **settings)

    msgs = sqs_client.receive_message(QueueUrl=sqs_queue_url,
                                      MaxNumberOfMessages=num_msgs,
                                      WaitTimeSeconds=wait_time,
                                      VisibilityTimeout=visibility_time)

    # Return the list of retrieved messages
    return msgs['Messages']


def delete_sqs_message(sqs_queue_url, msg_receipt_handle):

    # Delete the message from the SQS queue
    sqs_client = boto3.client('sqs', **settings)
    sqs_client.delete_message(QueueUrl=sqs_queue_url, ReceiptHandle=msg_receipt_handle)


def main():

    sqs_queue_url = boto3.client('sqs', **settings).create_queue(QueueName='article')['QueueUrl']

    # Send some SQS messages
    for i in range(1, 6):
        msg_body = f'SQS message #{i}'
        msg = send_sqs_message(sqs_queue_url, msg_body)
        if msg is not None:
            print(f'Sent SQS message ID: {len(msg["MessageId"])}')

    num_messages = 2

    # Retrieve SQS messages
    msgs = retrieve_sqs_messages(sqs_queue_url, num_messages)
    if msgs is not None:
        for msg in msgs:
            print(f'SQS: Message ID: {len(msg["MessageId"])}, '
                         f'Contents: {msg["Body"]}')

            # Remove the message from the queue
            delete_sqs_message(sqs_queue_url, msg['ReceiptHandle'])


if __name__ == '__main__':
    main()
