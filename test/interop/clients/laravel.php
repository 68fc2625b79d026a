<?php
// Laravel's queue component on beanstalkd, as a Laravel application uses it. usage: php laravel.php PORT
error_reporting(E_ALL & ~E_DEPRECATED);
require 'Pheanstalk/autoload.php';
require 'Illuminate/Queue/autoload.php';

use Illuminate\Container\Container;
use Illuminate\Queue\Capsule\Manager;

class SendEmail
{
    public function fire($job, array $data): void
    {
        echo "{$data['to']} attempt {$job->attempts()}\n";
        if ($data['to'] === 'flaky' && $job->attempts() < 3) {
            $job->release();
        } elseif ($data['to'] === 'broken') {
            $job->bury();
        } else {
            $job->delete();
        }
    }
}

$container = new Container();
$manager = new Manager($container);
$manager->addConnection([
    'driver' => 'beanstalkd',
    'host' => '127.0.0.1',
    'port' => (int) $argv[1],
    'queue' => 'emails',
    'retry_after' => 60,
    'block_for' => 0,
]);
$manager->getQueueManager()->addConnector('beanstalkd', fn () => new Illuminate\Queue\Connectors\BeanstalkdConnector());
$queue = $manager->getConnection();
$queue->setContainer($container);

function work($queue): void
{
    $job = $queue->pop();
    if ($job) {
        $job->fire();
    } else {
        echo "nothing\n";
    }
}

work($queue);
echo 'push ', $queue->push('SendEmail', ['to' => 'ann'])->getId(), "\n";
echo 'push ', $queue->push('SendEmail', ['to' => 'flaky'])->getId(), "\n";
echo 'push ', $queue->push('SendEmail', ['to' => 'broken'])->getId(), "\n";
echo 'later ', $queue->later(1, 'SendEmail', ['to' => 'late'])->getId(), "\n";
echo 'size ', $queue->size(), "\n";
for ($n = 0; $n < 6; $n++) {
    work($queue);
}
echo 'buried ', $queue->getPheanstalk()->statsTube('emails')->current_jobs_buried, "\n";
echo 'kick ', $queue->getPheanstalk()->useTube('emails')->kick(10), "\n";
work($queue);
while (!($job = $queue->pop())) {
    usleep(50000);
}
$job->fire();
echo 'size ', $queue->size(), "\n";
