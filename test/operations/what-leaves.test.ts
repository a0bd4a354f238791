import { expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { doctor } from '../../src/operations/doctor.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { startScene } from './scene.ts';

const TOKEN = '0badc0de0badc0de0badc0de0badc0de';

/** What each request is answered, by method and path. */
const ANSWERS: Record<string, object> = {
  'GET /v1/api/kernels/supported': { Supported: 'supported' },
  [`POST /v1/client/${MACHINE.id}`]: { schema: 1, machineToken: TOKEN },
  [`POST /v1/client/${MACHINE.id}/updates`]: {
    schema: 1,
    support: 'supported',
    tier: 'stable',
    issuedAt: new Date().toISOString(),
  },
};

it('is what README lists, field by field, and nothing else', async () => {
  const sent: string[] = [];
  const headers = new Set<string>();
  let serial = 0;
  const scene = await startScene({
    async intercept(request, response) {
      const { pathname, searchParams } = new URL(request.url ?? '', 'https://server');
      const body = (await request.toArray()).join('');
      const told = [...searchParams.keys(), ...Object.keys(JSON.parse(body || '{}'))];
      const token = request.headers.authorization === undefined ? '' : ' with a token';
      sent.push(`${request.method} ${pathname.replace(MACHINE.id, '<id>')}: ${told.join(' ')}${token}`);
      for (const name of Object.keys(request.headers)) headers.add(name);
      const answer = ANSWERS[`${request.method} ${pathname}`];
      serial += 1;
      if (answer === undefined) response.writeHead(204).end();
      else response.end(JSON.stringify({ ...answer, serial }));
      return true;
    },
  });
  await enable(scene.world, scene.authToken);
  await refresh(scene.world);
  await doctor(scene.world);
  await disable(scene.world, { unpatch: false });

  const always =
    'schema clientVersion machineId architecture cpuModel kernel bootTime uptimeSeconds cutoffDate patchDelay';
  const [first, second] = [always, always.replace(' cutoffDate', ' lastCheck lastSerial cutoffDate')];
  expect(sent).toEqual([
    'GET /v1/api/kernels/supported: kernel-version architecture',
    'POST /v1/client/<id>: schema clientVersion architecture kernel with a token',
    `POST /v1/client/<id>/updates: ${first} with a token`,
    'GET /v1/client/<id>/cves:  with a token',
    `POST /v1/client/<id>/updates: ${second} with a token`,
    'GET /v1/client/<id>/cves:  with a token',
    'GET /v1/api/kernels/supported: kernel-version architecture',
    'DELETE /v1/client/<id>:  with a token',
  ]);
  expect([...headers].sort()).toEqual([
    'accept-encoding',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'user-agent',
  ]);
});
