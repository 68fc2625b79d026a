<?php
// A worker's day with Pheanstalk. usage: php pheanstalk.php PORT
require 'Pheanstalk/autoload.php';

use Pheanstalk\Exception\DeadlineSoonException;
use Pheanstalk\Exception\JobNotFoundException;
use Pheanstalk\Exception\JobTooBigException;
use Pheanstalk\Exception\ServerException;
use Pheanstalk\JobId;
use Pheanstalk\Pheanstalk;

$port = (int) $argv[1];
$client = Pheanstalk::create('127.0.0.1', $port);
$client->useTube('emails');

function show(string $what, $job): void
{
    echo $what, ' ', $job ? "{$job->getId()} {$job->getData()}" : 'nothing', "\n";
}

echo 'put ', $client->put('hello', 10, 0, 60)->getId(), "\n";
echo 'put ', $client->put('later', 10, 100, 60)->getId(), "\n";
$client->watchOnly('emails');
echo 'watched ', implode(' ', $client->listTubesWatched(true)), "\n";
echo 'tubes ', implode(' ', $client->listTubes()), "\n";
show('peek-ready', $client->peekReady());
show('peek-delayed', $client->peekDelayed());
show('peek-buried', $client->peekBuried());

$job = $client->reserve();
show('reserve', $job);
$stats = $client->statsJob($job);
echo "stats-job {$stats['state']} pri={$stats['pri']} ttr={$stats['ttr']} reserves={$stats['reserves']}\n";
$client->touch($job);
$client->release($job, 5, 0);
$job = $client->reserve();
show('reserve', $job);
$client->bury($job, 7);
show('peek-buried', $client->peekBuried());
echo 'kick ', $client->kick(10), "\n";
$job = $client->reserveWithTimeout(0);
show('reserve', $job);
$stats = $client->statsJob($job);
echo "stats-job pri={$stats['pri']} reserves={$stats['reserves']} releases={$stats['releases']} buries={$stats['buries']} kicks={$stats['kicks']}\n";
echo $client->reserveWithTimeout(0) ? '' : "reserve timed out\n";
$client->delete($job);
$client->delete(new JobId(2));
try {
    $client->delete($job);
} catch (JobNotFoundException $e) {
    echo "delete not found\n";
}
$stats = $client->statsTube('emails');
echo "stats-tube {$stats['name']} ready={$stats['current-jobs-ready']} delayed={$stats['current-jobs-delayed']} total={$stats['total-jobs']}\n";

echo 'put ', $client->put('slow', 10, 0, 1)->getId(), "\n";
show('reserve', $client->reserve());
try {
    $client->reserveWithTimeout(5);
} catch (DeadlineSoonException $e) {
    echo "reserve deadline soon\n";
}
$other = Pheanstalk::create('127.0.0.1', $port);
$other->watchOnly('emails');
// beanstalkd 1.12 may forget the deadline unless its connection says something.
while (!($job = $other->reserveWithTimeout(0))) {
    $client->listTubeUsed(true);
    usleep(50000);
}
echo "reserve {$job->getId()} {$job->getData()} timeouts={$other->statsJob($job)['timeouts']}\n";
$other->delete($job);
unset($other);

$client->pauseTube('emails', 100);
echo 'put ', $client->put('paused')->getId(), "\n";
echo $client->reserveWithTimeout(0) ? '' : "reserve timed out\n";
$client->resumeTube('emails');
$job = $client->reserveWithTimeout(0);
show('reserve', $job);
$client->delete($job);

$every = implode('', array_map('chr', range(0, 255))) . "\r\n";
$client->put($every);
$job = $client->reserveWithTimeout(0);
echo 'bytes ', $job->getData() === $every ? 'true' : 'false', "\n";
$client->delete($job);
$client->put('');
$job = $client->reserveWithTimeout(0);
echo 'bytes ', strlen($job->getData()), "\n";
$client->delete($job);
$client->put(str_repeat('x', 65535));
$job = $client->reserveWithTimeout(0);
echo 'bytes ', strlen($job->getData()), "\n";
$client->delete($job);
try {
    $client->put(str_repeat('x', 65536));
} catch (JobTooBigException $e) {
    echo "put too big\n";
}
$stats = $client->stats();
echo "stats ready={$stats['current-jobs-ready']} connections={$stats['current-connections']} max={$stats['max-job-size']} timeouts={$stats['job-timeouts']}\n";
