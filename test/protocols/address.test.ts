import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, parseListen } from '../../src/protocols/address.ts'

const LOOPBACK = [
  '9324',
  'localhost:9324',
  '127.0.0.1:9324',
  '127.255.0.9:9324',
  '[::1]:9324',
  '[0:0:0:0:0:0:0:1]:9324',
  '[::ffff:127.0.0.1]:9324',
  'unix:/run/queueup.sock',
]
for (const text of LOOPBACK) test(`only this machine reaches ${text}`, () => assert.ok(isLoopback(parseListen(text))))

const OTHERS = [
  '0.0.0.0:9324',
  '[::]:9324',
  '128.0.0.1:9324',
  '[fe80::1]:9324',
  '[::ffff:10.0.0.1]:9324',
  '127.example.com:9324',
  '127.0.0.1.example.com:9324',
  'localhost.example.com:9324',
]
for (const text of OTHERS) test(`others may reach ${text}`, () => assert.ok(!isLoopback(parseListen(text))))
