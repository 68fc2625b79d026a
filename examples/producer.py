# Puts a mail for a TypeScript worker, through beanstalkd's protocol, by hand. A library such as greenstalk does the same.
# Usage: python3 producer.py PORT
import json
import socket
import sys

body = json.dumps({"job": "sendMail", "args": {"mail_type": "welcome", "mail_to": "ada@example.com"}}).encode()

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    replies = connection.makefile("rb")
    # The tube is the job's queue: by default its name.
    connection.sendall(b"use sendMail\r\n")
    replies.readline()
    # put PRIORITY DELAY SECONDS BYTES
    connection.sendall(b"put 1024 0 60 %d\r\n%s\r\n" % (len(body), body))
    print("python:", replies.readline().decode().strip(), flush=True)
