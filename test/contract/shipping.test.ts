import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Secret, Service } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { VARIABLES } from '../../src/config.ts';
import { openDatabase } from '../../src/db/database.ts';
import { checkIntegrity } from '../../src/db/integrity.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import { silent as log } from '../support/data-stack.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { ROOT } from '../support/server.ts';

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const documents = (name: string): Record<string, unknown>[] => parseAllDocuments(read(name)).map(document => {
  expect([name, ...document.errors]).toEqual([name]);
  return document.toJS() as Record<string, unknown>;
});
const VARIABLE_NAMES = Object.keys(VARIABLES);

describe('the Dockerfile', () => {
  const text = read('Dockerfile');

  it('passes its linter, which notices a mistake', () => {
    expect(validate(text)).toEqual([]);
    expect(validate(text.replace('EXPOSE 4000', 'EXPOSE http')).length).toBeGreaterThan(0);
  });

  it('gives Node what `npm start` gives it', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: { readonly start: string } };
    const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)?.[1] ?? '[]') as readonly string[];
    expect(entry).toEqual(['node_modules/.bin/node', ...scripts.start.split(' ').slice(1)]);
    expect(entry).toContainEqual(expect.stringMatching(/^--max-semi-space-size=\d+$/));
  });

  it('makes an image that runs as nobody in particular, tells its health, and stops on SIGTERM', () => {
    const last = text.slice(text.lastIndexOf('\nFROM '));
    for (const line of [/^USER 10001$/m, /^HEALTHCHECK /m, /^STOPSIGNAL SIGTERM$/m, /^VOLUME \["\/data"\]$/m]) expect(last).toMatch(line);
    expect(last).not.toMatch(/^USER (root|0)$/m);
  });
});

describe('the compose file', () => {
  interface Service {
    readonly read_only?: boolean;
    readonly command?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly volumes?: readonly string[];
    readonly cap_drop?: readonly string[];
    readonly depends_on?: Readonly<Record<string, unknown>>;
  }
  const { services, volumes } = parse(read('deploy/compose.yaml'), { merge: true }) as { readonly services: Readonly<Record<string, Service>>; readonly volumes: Readonly<Record<string, unknown>> };
  const ours = Object.entries(services).filter(([name]) => name === 'api' || name.startsWith('worker'));

  it('has an api, two workers and the three engines', () => {
    expect(Object.keys(services)).toEqual(['api', 'worker-1', 'worker-2', 'postgres', 'nats', 's3', 'bucket']);
    expect(ours.map(([, { command }]) => command)).toEqual([['--role', 'api'], ['--role', 'worker'], ['--role', 'worker']]);
  });

  it('gives ours a root file system that cannot be written, no rights, and variables that exist', () => {
    for (const [name, service] of ours) {
      expect({ name, ...service }).toMatchObject({ name, read_only: true, cap_drop: ['ALL'] });
      expect(VARIABLE_NAMES).toEqual(expect.arrayContaining(Object.keys(service.environment ?? {})));
    }
  });

  it('refers to what there is', () => {
    for (const { volumes: mounts = [], depends_on: needs = {} } of Object.values(services)) {
      for (const mount of mounts) expect(Object.keys(volumes)).toContain(mount.split(':')[0]);
      for (const need of Object.keys(needs)) expect(Object.keys(services)).toContain(need);
    }
    const used = [...read('deploy/compose.yaml').matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
    const known = [...read('deploy/example.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual(known.sort());
  });
});

describe('the Kubernetes manifests', () => {
  const KINDS = { Deployment, HorizontalPodAutoscaler, PodDisruptionBudget, ConfigMap, Namespace, Secret, Service } as const;
  const { resources } = parse(read('deploy/kubernetes/kustomization.yaml')) as { readonly resources: readonly string[] };
  const all = [...resources, 'secret.example.yaml'].flatMap(name => documents(`deploy/kubernetes/${name}`));
  const check = (document: Record<string, unknown>): void => {
    const Kind = KINDS[document['kind'] as keyof typeof KINDS];
    // oxlint-disable-next-line typescript/no-explicit-any -- the document is what is to be checked
    new Kind(document as any).validate();
  };
  const deployments = all.filter(({ kind }) => kind === 'Deployment') as unknown as {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly template: { readonly spec: { readonly terminationGracePeriodSeconds: number; readonly securityContext: object; readonly containers: readonly [Container] } } };
  }[];
  interface Container {
    readonly args: readonly string[];
    readonly securityContext: object;
    readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
    readonly readinessProbe: { readonly httpGet: object };
    readonly livenessProbe: { readonly httpGet: object };
  }

  it('are what the API of Kubernetes takes, and a mistake is noticed', () => {
    expect(all.length).toBeGreaterThan(8);
    for (const document of all) check(document);
    expect(() => check({ ...all.find(({ kind }) => kind === 'Deployment'), spec: { replicas: 'two' } })).toThrow('replicas');
  });

  it('run ours as nobody, on a root file system that cannot be written, with time to drain', () => {
    const { data } = all.find(({ kind }) => kind === 'ConfigMap') as unknown as { readonly data: Readonly<Record<string, string>> };
    expect(deployments.map(({ metadata }) => metadata.name)).toEqual(['api', 'worker']);
    for (const { metadata: { name }, spec: { template: { spec } } } of deployments) {
      const [container] = spec.containers;
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(container).toMatchObject({ args: ['--role', name], securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, readinessProbe: { httpGet: { path: '/health/ready' } }, livenessProbe: { httpGet: { path: '/health/live' } } });
      expect(Number(data['DRAIN_JOBS_SECONDS']) + Number(data['DRAIN_SECONDS']) + (container.lifecycle?.preStop.sleep.seconds ?? 0)).toBeLessThan(spec.terminationGracePeriodSeconds);
    }
  });

  it('set variables that exist, and scale the workers by the depth of the queue', () => {
    for (const document of all) {
      const { data = {}, stringData = {} } = document as { readonly data?: object; readonly stringData?: object };
      expect(VARIABLE_NAMES).toEqual(expect.arrayContaining([...Object.keys(data), ...Object.keys(stringData)]));
    }
    expect(all.find(({ kind }) => kind === 'HorizontalPodAutoscaler')).toMatchObject({ spec: { scaleTargetRef: { name: 'worker' }, metrics: [{ external: { metric: { name: 'cinegraph_queue_depth' } } }] } });
  });
});

describe('dashboard and alerts', () => {
  let names: ReadonlySet<string>;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const test = await createTestDatabase();
    const database = await openDatabase({ dataDir: '/nowhere', databaseUrl: test.url, log });
    close = async () => {
      await database.close();
      await test.close();
    };
    await checkIntegrity(database);
    const metrics = new Metrics({ database, cache: () => undefined });
    const meter = metrics.meter('TEXT_TO_VIDEO');
    meter.tokens(1);
    meter.firstFrame();
    meter.ended('finished');
    const { text } = await metrics.text();
    names = new Set([...text.matchAll(/^([a-z_0-9]+)(?:\{| )/gm)].map(([, name = '']) => name));
  });
  afterAll(() => close());

  const metricsIn = (expression: string): string[] => expression.match(/\b(?:cinegraph|nodejs|process)_[a-z_0-9]+/g) ?? [];

  it('ask for metrics that there are', () => {
    const { panels } = JSON.parse(read('deploy/grafana/cinegraph.json')) as { readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[] };
    const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string; readonly annotations: { readonly summary: string; readonly description: string } }[] }[] };
    const rules = groups.flatMap(group => group.rules);
    const expressions = [...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...rules.map(({ expr }) => expr), read('deploy/prometheus/adapter-rules.yaml')];
    expect([panels.length, rules.length]).toEqual([12, 7]);
    for (const expression of expressions) {
      expect({ expression, metrics: metricsIn(expression) }).not.toMatchObject({ metrics: [] });
      expect({ expression, unknown: metricsIn(expression).filter(name => !names.has(name)) }).toEqual({ expression, unknown: [] });
    }
    for (const { alert, annotations } of rules) expect([alert, ...Object.keys(annotations)]).toEqual([alert, 'summary', 'description']);
  });
});
