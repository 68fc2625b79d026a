# A day of boto3, in whichever form it speaks. usage: python3 sqs-boto3.py ENDPOINT
import sys
import boto3
from botocore.exceptions import ClientError

sqs = boto3.client('sqs', endpoint_url=sys.argv[1], region_name='us-east-1',
                   aws_access_key_id='x', aws_secret_access_key='y')
url = sqs.create_queue(QueueName='boto', Attributes={'VisibilityTimeout': '5'}, tags={'a': 'b'})['QueueUrl']
sqs.send_message(QueueUrl=url, MessageBody='h\u00e4llo "<&>\r\n',
                 MessageAttributes={'n': {'DataType': 'Number', 'StringValue': '1'},
                                    'b': {'DataType': 'Binary', 'BinaryValue': b'\x00\x01'}})
message, = sqs.receive_message(QueueUrl=url, AttributeNames=['All'], MessageAttributeNames=['All'])['Messages']
print(ascii(message['Body']), message['MessageAttributes']['b']['BinaryValue'],
      message['Attributes']['ApproximateReceiveCount'])
sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'], VisibilityTimeout=0)
message, = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)['Messages']
sqs.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
print('Messages' in sqs.receive_message(QueueUrl=url))
sqs.send_message_batch(QueueUrl=url, Entries=[{'Id': str(i), 'MessageBody': 'm%d' % i} for i in range(10)])
messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)['Messages']
print([one['Body'] for one in messages])
done = sqs.delete_message_batch(QueueUrl=url, Entries=[
    {'Id': str(i), 'ReceiptHandle': one['ReceiptHandle']} for i, one in enumerate(messages)])
print(len(done['Successful']))
print(sqs.list_queue_tags(QueueUrl=url)['Tags'],
      sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']['VisibilityTimeout'])
try:
    sqs.get_queue_url(QueueName='none')
except ClientError as error:
    print(error.response['Error']['Code'], type(error).__name__)
fifo = sqs.create_queue(QueueName='boto.fifo', Attributes={
    'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
ids = [sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId='g')['MessageId'] for body in '112']
print(ids[0] == ids[1], [one['Body'] for one in
                         sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)['Messages']])
print([one.rsplit('/', 1)[1] for one in sqs.list_queues(QueueNamePrefix='boto')['QueueUrls']])
