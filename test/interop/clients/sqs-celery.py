# Celery over SQS: its worker in a process of its own. usage: python3 sqs-celery.py ENDPOINT
import os
import subprocess
import sys
import tempfile
import time
from celery import Celery

endpoint = os.environ.get('SQS_ENDPOINT') or sys.argv[1]
app = Celery('tasks', broker='sqs://x:y@' + endpoint.replace('http://', ''))
app.conf.update(
    task_default_queue='celery-tasks', worker_hijack_root_logger=False, broker_connection_retry=False,
    broker_transport_options={'region': 'us-east-1', 'is_secure': False, 'wait_time_seconds': 1,
                              'visibility_timeout': 30})


@app.task(name='add', bind=True, max_retries=1, acks_late=True)
def add(self, a, b, path):
    if b == 0 and self.request.retries == 0:
        raise self.retry(countdown=1)
    with open(path, 'a') as results:
        results.write('%d\n' % (a + b))


if __name__ == '__main__':
    with tempfile.NamedTemporaryFile('r') as results:
        for i in range(3):
            add.delay(i, i, results.name)
        worker = subprocess.Popen(
            [sys.executable, '-m', 'celery', '-A', 'sqs-celery', 'worker', '--pool', 'solo', '--concurrency', '1',
             '--without-gossip', '--without-mingle', '--without-heartbeat', '--loglevel', 'ERROR'],
            cwd=os.path.dirname(os.path.abspath(__file__)), env=dict(os.environ, SQS_ENDPOINT=endpoint),
            stdout=subprocess.DEVNULL, stderr=sys.stderr)
        try:
            lines = []
            while len(lines) < 3:
                if worker.poll() is not None:
                    sys.exit('the worker ended')
                time.sleep(0.1)
                lines = open(results.name).read().split()
        finally:
            worker.terminate()
            worker.wait()
        print(sorted(lines))
