# A worker's day with Greenstalk's calls. usage: python3 greenstalk-day.py PORT
import sys
import time
import greenstalk

port = int(sys.argv[1])
client = greenstalk.Client(port=port, encoding='latin-1', use='emails')


def show(what, job):
    print(what, job.id, job.body)


def refused(error, what, *args):
    try:
        what(*args)
    except error:
        return True
    return False


print('put', client.put('hello', priority=10))
print('put', client.put('later', priority=10, delay=100))
client.watch('emails')
client.ignore('default')
print('watched', *client.watching())
print('tubes', *client.tubes())
show('peek-ready', client.peek_ready())
show('peek-delayed', client.peek_delayed())
if refused(greenstalk.NotFoundError, client.peek_buried):
    print('peek-buried nothing')

job = client.reserve()
show('reserve', job)
stats = client.stats_job(job)
print('stats-job {state} pri={pri} ttr={ttr} reserves={reserves}'.format(**stats))
client.touch(job)
client.release(job, priority=5)
job = client.reserve()
show('reserve', job)
client.bury(job, priority=7)
show('peek-buried', client.peek_buried())
print('kick', client.kick(10))
job = client.reserve(timeout=0)
show('reserve', job)
stats = client.stats_job(job)
print('stats-job pri={pri} reserves={reserves} releases={releases} buries={buries} kicks={kicks}'.format(**stats))
if refused(greenstalk.TimedOutError, client.reserve, 0):
    print('reserve timed out')
client.delete(job)
client.delete(2)
if refused(greenstalk.NotFoundError, client.delete, job):
    print('delete not found')
stats = client.stats_tube('emails')
print('stats-tube {name} ready={current-jobs-ready} delayed={current-jobs-delayed} total={total-jobs}'.format(**stats))

print('put', client.put('slow', ttr=1))
show('reserve', client.reserve())
if refused(greenstalk.DeadlineSoonError, client.reserve):
    print('reserve deadline soon')
taken = []
with greenstalk.Client(port=port, watch='emails') as other:
    # beanstalkd 1.12 may forget the deadline unless its connection says something.
    while refused(greenstalk.TimedOutError, lambda: taken.append(other.reserve(timeout=0))):
        client.using()
        time.sleep(0.05)
    job = taken.pop()
    print('reserve', job.id, job.body, 'timeouts={timeouts}'.format(**other.stats_job(job)))
    other.delete(job)

client.pause_tube('emails', 100)
print('put', client.put('paused'))
if refused(greenstalk.TimedOutError, client.reserve, 0):
    print('reserve timed out')
client.pause_tube('emails', 0)
job = client.reserve(timeout=0)
show('reserve', job)
client.delete(job)

every = ''.join(map(chr, range(256))) + '\r\n'
for body in [every, '', 'x' * 65535]:
    client.put(body)
    job = client.reserve(timeout=0)
    print('bytes', str(job.body == body).lower() if body is every else len(job.body))
    client.delete(job)
if refused(greenstalk.JobTooBigError, client.put, 'x' * 65536):
    print('put too big')
stats = client.stats()
print(
    'stats ready={current-jobs-ready} connections={current-connections} max={max-job-size} timeouts={job-timeouts}'.format(**stats)
)
client.close()
