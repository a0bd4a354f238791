import { expect, it } from 'vitest';
import { messageOf } from '../../src/errors.ts';
import { enable } from '../../src/operations/enable.ts';
import { startScene } from './scene.ts';

it.each([
  [
    'an error page',
    500,
    'text/html',
    '<html><body>Bad Gateway \x1b[2J</body></html>',
    'the server answered 500',
  ],
  [
    'an error that drives a terminal',
    403,
    'application/json',
    '{"error":"\\u001b[2Jsend money"}',
    'the server answered 403',
  ],
])('shows nothing of %s but plain words', async (_what, status, type, body, words) => {
  const { authToken, context } = await startScene({
    intercept(request, response) {
      if (request.method !== 'POST') return false;
      response.writeHead(status, { 'content-type': type }).end(body);
      return true;
    },
  });
  const error = await enable(context, authToken).catch((thrown: unknown) => thrown);
  expect(messageOf(error)).toContain(words);
  expect(messageOf(error)).toMatch(/^[\x20-\x7e]*$/);
  expect(messageOf(error)).not.toContain('<html>');
});
