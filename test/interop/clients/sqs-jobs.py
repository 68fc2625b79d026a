# The other side of a queue of jobs. usage: python3 sqs-jobs.py ENDPOINT fill|take
import json
import sys
import boto3

sqs = boto3.client('sqs', endpoint_url=sys.argv[1], region_name='us-east-1',
                   aws_access_key_id='x', aws_secret_access_key='y')
url = sqs.create_queue(QueueName='mail')['QueueUrl']


def job(to):
    return json.dumps({'job': 'sendMail', 'args': {'to': to}}, ensure_ascii=False)


if sys.argv[2] == 'fill':
    ids = [sqs.send_message(QueueUrl=url, MessageBody=job('ada'), MessageAttributes={
        'n': {'DataType': 'Number', 'StringValue': '1'}})['MessageId']]
    ids += [one['MessageId'] for one in sqs.send_message_batch(QueueUrl=url, Entries=[
        {'Id': '1', 'MessageBody': job('z\u00f6e \U0001f41f')},
        {'Id': '2', 'MessageBody': job('late'), 'DelaySeconds': 600}])['Successful']]
    print(json.dumps(ids))
else:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600,
                                   AttributeNames=['All'], MessageAttributeNames=['All'])['Messages']
    print(json.dumps([{
        'id': one['MessageId'], 'body': one['Body'], 'count': one['Attributes']['ApproximateReceiveCount'],
        'encoding': one.get('MessageAttributes', {}).get('queueup.encoding', {}).get('StringValue')}
        for one in messages]))
    sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]['ReceiptHandle'])
