import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerUnknown } from './name-server.ts';

// `dig a.example A`: id, flags with RD, one question, nothing else; 1a.7example.0, type A, class IN (RFC 1035, 4.1).
const QUERY = Buffer.from('beef010000010000000000000161076578616d706c650000010001', 'hex');

test('answerUnknown says NXDOMAIN to any question, with its id and the question itself', () => {
  const answer = answerUnknown(QUERY);
  // QR, AA, RD and RA are set; RCODE is 3.
  assert.equal(answer?.toString('hex'), 'beef858300010000000000000161076578616d706c650000010001');
});

test('answerUnknown leaves out what comes after the question, and answers nothing to what is none', () => {
  const withExtension = Buffer.concat([QUERY, Buffer.from('0000291000000000000000', 'hex')]);
  withExtension.writeUInt16BE(1, 10);
  assert.deepEqual(answerUnknown(withExtension), answerUnknown(QUERY));
  for (const bytes of [Buffer.alloc(0), QUERY.subarray(0, 11), QUERY.subarray(0, 20), QUERY.subarray(0, 25)])
    assert.equal(answerUnknown(bytes), undefined);
});
