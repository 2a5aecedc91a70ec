import type { ViewerLimitsResolvers, ViewerResolvers } from '../generated/graphql.ts';

export const Viewer: ViewerResolvers = {
  authentication: ({ credential }) => credential.type,
  scopes: ({ scopes }) => [...scopes],
  apiKey: ({ credential }, _args, { loaders }) => (credential.type === 'API_KEY' ? loaders.apiKey.load(credential.keyId) : null),
  limits: (_viewer, _args, { standing }) => standing.limits,
  async usage(viewer, _args, { services, standing }) {
    const [{ remaining, resetsInMs }, { activeJobs, tokens }] = await Promise.all([standing.points(), services.quotas.usage(viewer)]);
    return { pointsRemaining: remaining, pointsResetInMs: resetsInMs, activeJobs, tokensToday: tokens };
  },
};

export const ViewerLimits: ViewerLimitsResolvers = {
  pointsPerMinute: ({ pointsPerMinute }) => pointsPerMinute ?? null,
  activeJobs: ({ activeJobs }) => activeJobs ?? null,
  tokensPerDay: ({ tokensPerDay }) => tokensPerDay ?? null,
  connections: ({ connectionsPerViewer }) => connectionsPerViewer,
};
