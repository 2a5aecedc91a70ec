import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseProvider } from '../../../../src/inference/runtime/provider-choice.ts';
import { probeProvider } from '../../../../src/inference/runtime/provider-probe.ts';
import { allGone, commandLine, descendants, temporaryFolder } from '../../../support/server.ts';

const PROGRAM = fileURLToPath(new URL('../../../support/probe-process.ts', import.meta.url));
const PARENT = fileURLToPath(new URL('../../../support/probe-parent.ts', import.meta.url));

describe('a trial run of a provider', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  const probe = (behaviour: string, options: { readonly deadlineMs?: number } = {}) => probeProvider('webgpu', { bundleDir: join(folder.path, behaviour), threads: 1, program: PROGRAM, ...options });
  const left = async (): Promise<string[]> => (await Promise.all((await descendants(process.pid)).map(commandLine))).filter((line) => line.includes(PROGRAM));

  it.each([
    ['aborts', 'its trial run was ended by SIGABRT'],
    ['throws', 'its trial run was ended by exit code 1'],
    ['babbles', 'its trial run gave no readable report'],
    ['says nothing', 'its trial run was ended by exit code 0'],
  ])('that %s is a reason', async (behaviour, reason) => {
    expect(await probe(behaviour)).toEqual({ usable: false, reason });
    expect(await left()).toEqual([]);
  });

  it('that hangs is ended at its deadline', async () => {
    expect(await probe('hangs', { deadlineMs: 1_000 })).toEqual({ usable: false, reason: 'its trial run did not end within 1 s' });
    expect(await left()).toEqual([]);
  });

  it('that cannot be started is a reason', async () => {
    expect(await probeProvider('webgpu', { bundleDir: folder.path, threads: 1, program: join(folder.path, 'nothing.ts') })).toEqual({ usable: false, reason: 'its trial run was ended by exit code 1' });
  });

  it('leaves the processor where no device can be used, and says why for each', async () => {
    const choice = await chooseProvider('auto', (provider) => provider === 'cuda' ? probe('aborts') : probe('hangs', { deadlineMs: 1_000 }));
    expect(choice).toEqual({ provider: 'cpu', onCpu: new Set(), notes: ['cuda: its trial run was ended by SIGABRT', 'webgpu: its trial run did not end within 1 s'] });
    expect(await chooseProvider('auto', (provider) => probe(provider === 'cuda' ? 'throws' : 'works'))).toMatchObject({ provider: 'webgpu', notes: ['cuda: its trial run was ended by exit code 1'] });
    await expect(chooseProvider('webgpu', () => probe('aborts'))).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', message: expect.stringContaining('SIGABRT') as string });
    expect(await left()).toEqual([]);
  });

  it('is not made again where none was of use, unless it is another machine or the file is damaged', async () => {
    const kept = { file: join(folder.path, 'findings/trials.json'), holdsFor: 'this machine' };
    let trials = 0;
    const choose = async (holdsFor = kept.holdsFor): Promise<unknown> => await chooseProvider('auto', async () => {
      trials += 1;
      return { usable: false, reason: 'no device' };
    }, { ...kept, holdsFor });
    const found = { provider: 'cpu', onCpu: new Set(), notes: ['cuda: no device', 'webgpu: no device'] };
    expect([await choose(), trials]).toEqual([found, 2]);
    expect([await choose(), trials]).toEqual([found, 2]);
    expect([await choose('another machine'), trials]).toEqual([found, 4]);
    writeFileSync(kept.file, '{');
    expect([await choose(), trials]).toEqual([found, 6]);
  });

  it('is made at each start where a device is used', async () => {
    const kept = { file: join(folder.path, 'used.json'), holdsFor: 'this machine' };
    let trials = 0;
    for (let start = 1; start <= 2; start += 1) {
      expect(await chooseProvider('auto', async () => {
        trials += 1;
        return { usable: true, stepMs: 1, cpuStepMs: 2, refusals: [] };
      }, kept)).toMatchObject({ provider: 'cuda' });
      expect(trials).toBe(2 * start);
    }
    expect(existsSync(kept.file)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('does not outlive its parent, also while the driver hangs', async () => {
    const bundleDir = join(folder.path, 'hangs');
    const parent = spawn(process.execPath, [PARENT, bundleDir, PROGRAM], { stdio: 'inherit' });
    const told = (): number | undefined => (existsSync(`${bundleDir}.pid`) ? Number(readFileSync(`${bundleDir}.pid`, 'utf8')) : undefined);
    await expect.poll(async () => (await descendants(parent.pid ?? 0)).includes(told() ?? 0), { timeout: 60_000 }).toBe(true);
    const pid = told() ?? 0;
    parent.kill('SIGKILL');
    await allGone([pid]);
  });
});
