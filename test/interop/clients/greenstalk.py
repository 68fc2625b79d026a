"""A beanstalkd client with the face of Greenstalk, by which programs written for that package run here. Only this face is alike."""
import socket


class Error(Exception):
    pass


class UnexpectedError(Error):
    """A reply that isn't one of the errors below."""


def _error(word):
    name = ''.join(part.capitalize() for part in word.split('_')) + 'Error'
    return type(name, (Error,), {})


TimedOutError = _error('TIMED_OUT')
DeadlineSoonError = _error('DEADLINE_SOON')
NotFoundError = _error('NOT_FOUND')
NotIgnoredError = _error('NOT_IGNORED')
JobTooBigError = _error('JOB_TOO_BIG')
DrainingError = _error('DRAINING')
BuriedError = _error('BURIED')

_ERRORS = {
    b'TIMED_OUT': TimedOutError,
    b'DEADLINE_SOON': DeadlineSoonError,
    b'NOT_FOUND': NotFoundError,
    b'NOT_IGNORED': NotIgnoredError,
    b'JOB_TOO_BIG': JobTooBigError,
    b'DRAINING': DrainingError,
}


class Job:
    def __init__(self, id, body):
        self.id = id
        self.body = body


class Client:
    """encoding: how bodies become text; None leaves them bytes."""

    def __init__(self, host='127.0.0.1', port=11300, encoding='utf-8', use='default', watch=('default',)):
        self._encoding = encoding
        self._socket = socket.create_connection((host, port))
        self._reader = self._socket.makefile('rb')
        if use != 'default':
            self.use(use)
        watch = [watch] if isinstance(watch, str) else list(watch)
        for tube in watch:
            self.watch(tube)
        if 'default' not in watch:
            self.ignore('default')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._reader.close()
        self._socket.close()

    def _send(self, command, expected):
        self._socket.sendall(command + b'\r\n')
        line = self._reader.readline()
        if not line.endswith(b'\r\n'):
            raise ConnectionError('closed by the server')
        word, *values = line.split()
        if word == expected:
            return values
        raise _ERRORS.get(word, UnexpectedError)(line.decode('ascii'))

    def _body(self, size):
        body = self._reader.read(size)
        self._reader.read(2)
        return body

    def _job(self, command, expected):
        id, size = self._send(command, expected)
        body = self._body(int(size))
        return Job(int(id), body if self._encoding is None else body.decode(self._encoding))

    def _yaml(self, command):
        (size,) = self._send(command, b'OK')
        return self._body(int(size)).decode('ascii').splitlines()[1:]

    def _stats(self, command):
        pairs = (line.split(': ', 1) for line in self._yaml(command))
        return {key: int(value) if value.isdigit() else value.strip('"') for key, value in pairs}

    def put(self, body, priority=65536, delay=0, ttr=60):
        if isinstance(body, str):
            body = body.encode(self._encoding)
        command = b'put %d %d %d %d\r\n%b' % (priority, delay, ttr, len(body), body)
        return int(self._send(command, b'INSERTED')[0])

    def use(self, tube):
        self._send(b'use %b' % tube.encode(), b'USING')

    def watch(self, tube):
        return int(self._send(b'watch %b' % tube.encode(), b'WATCHING')[0])

    def ignore(self, tube):
        return int(self._send(b'ignore %b' % tube.encode(), b'WATCHING')[0])

    def reserve(self, timeout=None):
        command = b'reserve' if timeout is None else b'reserve-with-timeout %d' % timeout
        return self._job(command, b'RESERVED')

    def reserve_job(self, id):
        return self._job(b'reserve-job %d' % id, b'RESERVED')

    def delete(self, job):
        self._send(b'delete %d' % _id(job), b'DELETED')

    def release(self, job, priority=65536, delay=0):
        self._send(b'release %d %d %d' % (job.id, priority, delay), b'RELEASED')

    def bury(self, job, priority=65536):
        self._send(b'bury %d %d' % (job.id, priority), b'BURIED')

    def touch(self, job):
        self._send(b'touch %d' % job.id, b'TOUCHED')

    def peek(self, id):
        return self._job(b'peek %d' % id, b'FOUND')

    def peek_ready(self):
        return self._job(b'peek-ready', b'FOUND')

    def peek_delayed(self):
        return self._job(b'peek-delayed', b'FOUND')

    def peek_buried(self):
        return self._job(b'peek-buried', b'FOUND')

    def kick(self, bound):
        return int(self._send(b'kick %d' % bound, b'KICKED')[0])

    def kick_job(self, job):
        self._send(b'kick-job %d' % _id(job), b'KICKED')

    def pause_tube(self, tube, delay):
        self._send(b'pause-tube %b %d' % (tube.encode(), delay), b'PAUSED')

    def stats_job(self, job):
        return self._stats(b'stats-job %d' % _id(job))

    def stats_tube(self, tube):
        return self._stats(b'stats-tube %b' % tube.encode())

    def stats(self):
        return self._stats(b'stats')

    def tubes(self):
        return [line[2:] for line in self._yaml(b'list-tubes')]

    def using(self):
        return self._send(b'list-tube-used', b'USING')[0].decode()

    def watching(self):
        return [line[2:] for line in self._yaml(b'list-tubes-watched')]


def _id(job):
    return job if isinstance(job, int) else job.id
