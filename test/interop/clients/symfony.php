<?php
// Symfony Messenger's beanstalkd transport. usage: php symfony.php PORT
error_reporting(E_ALL & ~E_DEPRECATED);
require 'Pheanstalk/autoload.php';
require 'Symfony/Component/Messenger/autoload.php';
require 'Symfony/Component/Messenger/Bridge/Beanstalkd/autoload.php';

use Symfony\Component\Messenger\Bridge\Beanstalkd\Transport\BeanstalkdTransportFactory;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;

class Email
{
    public $to;

    public function __construct(string $to)
    {
        $this->to = $to;
    }
}

$transport = (new BeanstalkdTransportFactory())->createTransport(
    "beanstalkd://127.0.0.1:{$argv[1]}?tube_name=emails",
    [],
    new PhpSerializer()
);

function get($transport): ?Envelope
{
    foreach ($transport->get() as $envelope) {
        echo 'get ', $envelope->getMessage()->to, "\n";
        return $envelope;
    }
    echo "get nothing\n";
    return null;
}

get($transport);
foreach (['ann', 'bob'] as $to) {
    $transport->send(new Envelope(new Email($to)));
}
$transport->send(new Envelope(new Email('late'), [new DelayStamp(1000)]));
echo 'count ', $transport->getMessageCount(), "\n";
$transport->ack(get($transport));
$transport->reject(get($transport));
get($transport);
while ($transport->getMessageCount() === 0) {
    usleep(50000);
}
$transport->ack(get($transport));
echo 'count ', $transport->getMessageCount(), "\n";
