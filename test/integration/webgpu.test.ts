/** The device cache on a software adapter: the SwiftShader that Debian's chromium-common carries. */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { WebGpuReport } from '../support/webgpu-process.ts';

const LOADER = '/usr/lib/chromium';
const ICD = `${LOADER}/vk_swiftshader_icd.json`;
const PROGRAM = fileURLToPath(new URL('../support/webgpu-process.ts', import.meta.url));
/** A software adapter compiles each shader for seconds. */
const TIMEOUT_MS = 600_000;

describe('WebGPU', () => {
  it.skipIf(!existsSync(ICD))(`steps and runs as the CPU does, with the cache on the device, whoever comes and goes (needs ${ICD}, of chromium-common)`, { timeout: TIMEOUT_MS }, async () => {
    const child = fork(PROGRAM, [], { env: { ...process.env, LD_LIBRARY_PATH: LOADER, VK_ICD_FILENAMES: ICD }, execArgv: [] });
    const report = await new Promise<WebGpuReport>((resolve, reject) => {
      child.once('message', (message) => resolve(message as WebGpuReport));
      child.once('exit', (code, signal) => reject(new Error(`the process ended by ${signal ?? `exit code ${code}`}`)));
    });
    expect(report).toMatchObject({ steps: 6, otherChoices: 0, alone: true, clips: 2, sameClips: 2 });
    expect(report.logits).toBeLessThan(1e-4);
    expect(report.entries).toBeLessThan(1e-4);
    expect(report.runs).toBeLessThan(1e-4);
  });
});
