/** A library of one viewer, written straight into the tables: jobs with two clips each, lineage, retries, keys, webhooks with their log. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/database.ts';

export async function fillLibrary({ prisma, blobs }: Database, ownerId: string, count: number): Promise<{ readonly jobs: readonly string[]; readonly assets: readonly string[] }> {
  const { sha256, byteSize } = await blobs.put(Buffer.from('a clip'));
  const jobs = Array.from({ length: count }, () => randomUUID());
  const assets = Array.from({ length: 2 * count }, () => randomUUID());
  const at = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * 1000);
  await prisma.job.createMany({
    data: jobs.map((id, index) => ({
      id, ownerId, task: 'TEXT_TO_VIDEO' as const, status: index % 2 === 1 ? ('QUEUED' as const) : ('SUCCEEDED' as const), input: { prompt: `clip ${index}` }, inputDigest: id, seed: index, candidates: 2,
      sampling: { temperature: 1, topK: 0, topP: 1, guidance: 1, deterministic: true }, modelName: 'tiny', modelDigest: '0'.repeat(64), lastSeq: 1, createdAt: at(index), ...(index % 2 === 1 ? {} : { startedAt: at(index), finishedAt: at(index) }), retryOfId: jobs[index - 1] ?? null,
    })),
  });
  await prisma.asset.createMany({
    data: assets.map((id, index) => ({
      id, ownerId, kind: 'VIDEO' as const, origin: 'GENERATED' as const, contentType: 'video/mp4', byteSize, sha256, thumbnailSha256: sha256, width: 16, height: 16, fps: 8, frameCount: 9, durationMs: 1125,
      jobId: jobs[Math.floor(index / 2)] ?? null, candidate: index % 2, createdAt: at(index),
    })),
  });
  await prisma.assetParent.createMany({ data: assets.slice(1).map((childId, index) => ({ parentId: assets[index] ?? '', childId })) });
  await prisma.apiKey.createMany({ data: jobs.map((id, index) => ({ id: randomUUID(), ownerId, name: `key ${index}`, scopes: ['READ' as const], prefix: 'cg_000000', secretSha256: id })) });
  const webhooks = jobs.map(() => randomUUID());
  await prisma.webhook.createMany({ data: webhooks.map((id, index) => ({ id, ownerId, url: `https://example.org/${index}`, events: ['job.succeeded'], secret: 'whsec_none', enabled: false })) });
  await prisma.webhookDelivery.createMany({
    data: webhooks.flatMap((webhookId, index) => [0, 1].map(() => ({ id: randomUUID(), webhookId, type: 'job.succeeded', jobId: jobs[index] ?? null, body: '{}', status: 'DELIVERED' as const }))),
  });
  return { jobs, assets };
}
