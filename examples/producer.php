<?php
// Puts a mail for a TypeScript worker, with Pheanstalk. Usage: php producer.php PORT
require 'Pheanstalk/autoload.php'; // Debian's php-pda-pheanstalk; with Composer: vendor/autoload.php

$client = Pheanstalk\Pheanstalk::create('127.0.0.1', (int) $argv[1]);
// The tube is the job's queue: by default its name.
$client->useTube('sendMail');
$body = json_encode(
    ['job' => 'sendMail', 'args' => ['mail_type' => 'welcome', 'mail_to' => 'ada@example.com']],
    JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE,
);
// Priority 1024, no delay, 60 seconds to work it.
echo 'php: put ', $client->put($body, 1024, 0, 60)->getId(), "\n";
