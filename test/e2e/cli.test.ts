import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mp4 } from '../support/media-files.ts';
import { allGone, descendants, launch, runProgram, startProgram, temporaryFolder, type Program } from '../support/server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const GENERATE = 'src/cli/generate.ts';

it('generates without a server, and leaves none behind', async () => {
  const file = join(folder.path, 'alone.mp4');
  const { code, stdout, stderr } = await runProgram(GENERATE, ['a red ball bounces', '--seed', '7', '-o', file], { DATA_DIR: join(folder.path, 'data') });
  expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: file, stderr: expect.stringContaining('--seed 7') });
  const bytes = await readFile(file);
  expect([bytes.subarray(4, 8).toString(), bytes.includes('c2pa')]).toEqual(['ftyp', true]);
});

describe('with a server', () => {
  let program: Program;
  let port: string;
  beforeAll(async () => {
    program = await startProgram({ DATA_DIR: join(folder.path, 'data') });
    port = new URL(program.url).port;
  });
  afterAll(() => program.stop());

  it('uses it, and makes an image', async () => {
    const file = join(folder.path, 'image.png');
    const { code, stderr } = await runProgram(GENERATE, ['a red ball', '--image', '-o', file], { PORT: port });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('starting one') });
    expect((await readFile(file)).length).toBeGreaterThan(50);
  });

  it('says what the model does not know of the prompt', async () => {
    const { code, stderr } = await runProgram(GENERATE, ['a fox plays chess', '--image', '-o', join(folder.path, 'chess.png')], { PORT: port });
    expect([code, stderr.match(/"chess"/g)?.length]).toEqual([0, 1]);
  });

  it('gives a clip another look', async () => {
    const [source, file] = [join(folder.path, 'source.mp4'), join(folder.path, 'sketch.mp4')];
    await writeFile(source, await mp4(17));
    const { code, stderr } = await runProgram(GENERATE, ['--from', source, '--style', 'sketch', '-o', file], { PORT: port });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('--seed') });
    expect((await readFile(file)).subarray(4, 8).toString()).toBe('ftyp');
    const without = await runProgram(GENERATE, ['--from', source], { PORT: port });
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--style')]);
  });

  it('says what was wrong with the input', async () => {
    const { code, stderr } = await runProgram(GENERATE, ['a red ball', '--seed', '-5'], { PORT: port });
    expect([code, stderr]).toEqual([2, expect.stringContaining('SEED_OUT_OF_RANGE')]);
    expect((await runProgram(GENERATE, ['a red ball', '--seed', 'x'], { PORT: port })).code).toBe(2);
  });

  it('cancels the job on Ctrl-C', async () => {
    const cli = launch(GENERATE, ['a red ball', '-n', '4', '--duration', '60', '-o', join(folder.path, 'never.mp4')], { PORT: port });
    await cli.says('Generating');
    cli.signal('SIGINT');
    expect((await cli.exit()).code).toBe(130);
  });
});

it('says when the given server is not there', async () => {
  const { code, stderr } = await runProgram(GENERATE, ['a red ball', '--url', 'http://127.0.0.1:9'], {});
  expect([code, stderr]).toEqual([3, expect.stringContaining('UNREACHABLE')]);
});

it('doctor finds everything in order, and says what is broken', async () => {
  const good = await runProgram('src/cli/doctor.ts', [], { DATA_DIR: join(folder.path, 'data') });
  expect(good).toMatchObject({ code: 0, stdout: expect.not.stringContaining('BROKEN') });
  const bad = await runProgram('src/cli/doctor.ts', [], { DATA_DIR: join(folder.path, 'data'), MODEL_DIR: '/nowhere' });
  expect([bad.code, bad.stdout]).toEqual([1, expect.stringMatching(/BROKEN\s+Model\s+BUNDLE_CORRUPT/)]);
});

it('doctor tells what starts have found out of the machine, and what of it is damaged', async () => {
  const dataDir = join(folder.path, 'found-out');
  const doctor = async (): Promise<string> => (await runProgram('src/cli/doctor.ts', [], { DATA_DIR: dataDir })).stdout;
  expect(await doctor()).toMatch(/ok\s+Kept findings\s+nothing/);
  await (await startProgram({ DATA_DIR: dataDir })).stop();
  expect(await doctor()).toMatch(/ok\s+Kept findings\s+kept in .*\n\s+invariance\.json: batchInvariant true, headInvariant true, aheadInvariant true\n\s+precisions\.json: plan/);
  await writeFile(join(dataDir, 'inference/invariance.json'), '{');
  expect(await doctor()).toMatch(/note\s+Kept findings\s[^]*invariance\.json: damaged/);
});

it('Ctrl-C during its own server stops that too', async () => {
  const cli = launch(GENERATE, ['a red ball', '-n', '4', '--duration', '60', '-o', join(folder.path, 'never.mp4')], { DATA_DIR: join(folder.path, 'data') });
  await cli.says('Generating');
  const children = await descendants(cli.pid);
  cli.signal('SIGINT');
  expect((await cli.exit()).code).toBe(130);
  await allGone(children);
});
