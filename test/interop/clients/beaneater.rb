# A worker's day with beaneater. usage: ruby beaneater.rb PORT
require 'beaneater'

address = "127.0.0.1:#{ARGV[0]}"
client = Beaneater.new(address)
emails = client.tubes['emails']

puts "put #{emails.put('hello', pri: 10, ttr: 60)[:id]}"
puts "put #{emails.put('later', pri: 10, delay: 100, ttr: 60)[:id]}"
client.tubes.watch!('emails')
puts "watched #{client.tubes.watched.map(&:name).join(' ')}"
puts "tubes #{client.tubes.all.map(&:name).join(' ')}"
job = emails.peek(:ready)
puts "peek-ready #{job.id} #{job.body}"
job = emails.peek(:delayed)
puts "peek-delayed #{job.id} #{job.body}"
puts "peek-buried #{emails.peek(:buried) || 'nothing'}"

job = client.tubes.reserve
puts "reserve #{job.id} #{job.body}"
stats = job.stats
puts "stats-job #{stats.state} pri=#{stats.pri} ttr=#{stats.ttr} reserves=#{stats.reserves}"
job.touch
job.release(pri: 5, delay: 0)
job = client.tubes.reserve
puts "reserve #{job.id} #{job.body}"
job.bury(pri: 7)
job = emails.peek(:buried)
puts "peek-buried #{job.id} #{job.body}"
puts "kick #{emails.kick(10)[:id]}"
job = client.tubes.reserve(0)
puts "reserve #{job.id} #{job.body}"
stats = job.stats
puts "stats-job pri=#{stats.pri} reserves=#{stats.reserves} releases=#{stats.releases} buries=#{stats.buries} kicks=#{stats.kicks}"
begin
  client.tubes.reserve(0)
rescue Beaneater::TimedOutError
  puts 'reserve timed out'
end
job.delete
client.jobs.find(2).delete
begin
  job.delete
rescue Beaneater::NotFoundError
  puts 'delete not found'
end
stats = emails.stats
puts "stats-tube #{stats.name} ready=#{stats.current_jobs_ready} delayed=#{stats.current_jobs_delayed} total=#{stats.total_jobs}"

puts "put #{emails.put('slow', ttr: 1)[:id]}"
job = client.tubes.reserve
puts "reserve #{job.id} #{job.body}"
begin
  client.tubes.reserve
rescue Beaneater::DeadlineSoonError
  puts 'reserve deadline soon'
end
other = Beaneater.new(address)
other.tubes.watch!('emails')
# beanstalkd 1.12 may forget the deadline unless its connection says something.
job = begin
  other.tubes.reserve(0)
rescue Beaneater::TimedOutError
  client.tubes.used
  sleep 0.05
  retry
end
puts "reserve #{job.id} #{job.body} timeouts=#{job.stats.timeouts}"
job.delete
other.close

emails.pause(100)
puts "put #{emails.put('paused')[:id]}"
begin
  client.tubes.reserve(0)
rescue Beaneater::TimedOutError
  puts 'reserve timed out'
end
emails.pause(0)
job = client.tubes.reserve(0)
puts "reserve #{job.id} #{job.body}"
job.delete

every = (0..255).map(&:chr).join.b + "\r\n"
emails.put(every)
job = client.tubes.reserve(0)
puts "bytes #{job.body.b == every}"
job.delete
emails.put('')
job = client.tubes.reserve(0)
puts "bytes #{job.body.to_s.bytesize}"
job.delete
emails.put('x' * 65535)
job = client.tubes.reserve(0)
puts "bytes #{job.body.bytesize}"
job.delete
begin
  emails.put('x' * 65536)
rescue Beaneater::JobTooBigError
  puts 'put too big'
end
stats = client.stats
puts "stats ready=#{stats.current_jobs_ready} connections=#{stats.current_connections} max=#{stats.max_job_size} timeouts=#{stats.job_timeouts}"
client.close
