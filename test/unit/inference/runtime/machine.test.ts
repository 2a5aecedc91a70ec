import { describe, expect, it } from 'vitest';
import { noGpuKey, processorKey } from '../../../../src/inference/runtime/machine.ts';

describe('the name of a machine', () => {
  it('is the same each time, and tells library and processor', async () => {
    expect(await processorKey()).toMatch(/^onnxruntime \d+\.\d+\.\d+ \([0-9a-f]{12}\), .+ \([0-9a-f]{12}\)$/);
    expect(await processorKey()).toBe(await processorKey());
  });

  it.runIf(process.platform === 'linux')('is another one where drivers are looked for elsewhere', async () => {
    const before = await noGpuKey();
    // Undefined on a machine with a GPU.
    process.env['VK_ICD_FILENAMES'] = '/opt/driver.json';
    const after = await noGpuKey();
    delete process.env['VK_ICD_FILENAMES'];
    expect(after === before).toBe(before === undefined);
    expect(await noGpuKey()).toBe(before);
  });
});
