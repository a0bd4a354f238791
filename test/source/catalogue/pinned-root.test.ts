import { describe, expect, it } from 'vitest';
import { indexOf, listed, makeCatalogue, publishPatches } from '../../catalogue/make.ts';
import { machineAt, machineOf, versionsIn } from './scene.ts';

describe('the pinned root', () => {
  it('may be replaced by a newer one of the same catalogue, and old states stay refused', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const before = made.copy();
    made.change((repository) => repository.touch('root'));
    publishPatches(made, indexOf([listed('122.1')]));
    await machine.checkIn();
    const second = made.files.get('metadata/2.root.json') as Buffer;
    const pinnedAnew = machineAt(host.url, second, machine.store);
    expect(versionsIn(await pinnedAnew.checkIn())).toEqual(['122.1']);
    host.files = before;
    await expect(pinnedAnew.checkIn()).rejects.toMatchObject({
      message: expect.stringContaining('rolled back'),
    });
  });

  it('of another catalogue makes what was kept of the first count for nothing', async () => {
    const first = makeCatalogue();
    publishPatches(first, indexOf([listed('122.1')]));
    publishPatches(first, indexOf([listed('123.1')]));
    const { machine } = await machineOf(first);
    await machine.checkIn();
    const second = makeCatalogue();
    publishPatches(second, indexOf([listed('121.1')]));
    const { host } = await machineOf(second);
    await expect(machineAt(host.url, first.root, machine.store).checkIn()).rejects.toMatchObject({
      code: 'bad-answer',
    });
    const moved = machineAt(host.url, second.root, machine.store);
    expect(versionsIn(await moved.checkIn())).toEqual(['121.1']);
  });
});
