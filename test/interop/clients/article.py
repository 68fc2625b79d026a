#!/usr/bin/env python

# The first program of an article about queues in Python, call for call. usage: python3 article.py PORT
from __future__ import print_function
import sys
import greenstalk

def main():
    queue = greenstalk.Client(host='127.0.0.1', port=int(sys.argv[1])) # Connect to Beanstalkd

    queue.put('hello') # Add a job to the queue

    job = queue.reserve() # Get and lock the next job on the queue

    print(job.id) # Integer - should count up

    print(job.body) # Whatever we sent in above

    queue.delete(job) # Delete the job from the queue

if __name__ == '__main__':
    main()
