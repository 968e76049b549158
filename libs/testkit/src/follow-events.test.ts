import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followEvents, isServiceGone, type FollowedEvent } from './follow-events.ts';

const gone = Object.assign(new Error('14 UNAVAILABLE'), { code: 14 });
const event = (sequence: number): FollowedEvent => ({ sequence, resumeToken: `after ${sequence}` });

/** A service that tells these events, an attachment each time; an error ends one. */
function service(...attachments: readonly (readonly (number | Error)[])[]): {
  readonly tokens: string[];
  readonly watch: (token: string) => AsyncGenerator<FollowedEvent>;
} {
  const tokens: string[] = [];
  return {
    tokens,
    watch: async function* (token) {
      tokens.push(token);
      for (const next of attachments[tokens.length - 1] ?? [new Error('there is no such attachment')]) {
        await Promise.resolve();
        if (next instanceof Error) throw next;
        yield event(next);
      }
    },
  };
}

const OPTIONS = { timeoutMs: 10_000, retryDelayMs: 1 };

test('followEvents attaches again after each break, with the token of the last event', async () => {
  const { tokens, watch } = service([1, 2, gone], [gone], [3], []);
  const seen: number[] = [];
  const followed = await followEvents({ ...OPTIONS, watch, onEvent: ({ sequence }) => seen.push(sequence) });
  assert.deepEqual(tokens, ['', 'after 2', 'after 2']);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(followed, { last: event(3), attachmentCount: 2, isEnded: true });
});

test('followEvents ends where it is told to, and goes on after an event that was seen', async () => {
  const first = service([1, 2, 3]);
  const { last, isEnded } = await followEvents({
    ...OPTIONS,
    watch: first.watch,
    onEvent: ({ sequence }) => sequence === 2,
  });
  assert.deepEqual([last, isEnded], [event(2), false]);
  const second = service([3]);
  await followEvents({ ...OPTIONS, watch: second.watch, after: event(2) });
  assert.deepEqual(second.tokens, ['after 2']);
});

test('followEvents does not let an event be missing or come twice, and gives up on other errors and after its time', async () => {
  const twice = service([1, gone], [1]);
  await assert.rejects(followEvents({ ...OPTIONS, watch: twice.watch }), /Event 1 came, 2 was to come/);
  await assert.rejects(followEvents({ ...OPTIONS, watch: service([1, 3]).watch }), /Event 3 came, 2 was to come/);
  const refused = Object.assign(new Error('5 NOT_FOUND'), { code: 5 });
  await assert.rejects(followEvents({ ...OPTIONS, watch: service([1, refused]).watch }), refused);
  await assert.rejects(followEvents({ ...OPTIONS, timeoutMs: -1, watch: service([1, gone], [2]).watch }), gone);
});

test('isServiceGone takes a reset connection for an absence, and no other fault', () => {
  const internal = (message: string): Error => Object.assign(new Error(message), { code: 13 });
  assert.equal(isServiceGone(internal('13 INTERNAL: Received RST_STREAM with code 2')), true);
  assert.equal(isServiceGone(internal('13 INTERNAL: a fault')), false);
  assert.equal(isServiceGone(new Error('no code')), false);
});
