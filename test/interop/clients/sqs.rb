# The SDK for Ruby that Debian has, in its first version. usage: ruby sqs.rb ENDPOINT
require 'aws-sdk-v1'

at = URI(ARGV[0])
sqs = AWS::SQS.new(access_key_id: 'x', secret_access_key: 'y',
                   sqs_endpoint: at.host, sqs_port: at.port, use_ssl: false)
queue = sqs.queues.create('ruby', visibility_timeout: 7)
queue.send_message('hello')
puts queue.approximate_number_of_messages, queue.visibility_timeout
message = queue.receive_message(wait_time_seconds: 1)
puts message.body
message.delete
puts queue.receive_message.nil?
puts sqs.queues.named('ruby').url == queue.url
begin
  sqs.queues.named('none')
rescue AWS::SQS::Errors::NonExistentQueue
  puts 'none'
end
