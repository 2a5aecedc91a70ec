/** What GraphiQL shows first: ready to run. */
export const DEFAULT_QUERY = `# 1. Run MakeClip. Copy job.id from the answer.
# 2. Paste it into Watch and run that: frames arrive while the clip is being made.

mutation MakeClip {
  textToVideo(input: { prompt: "a fox bounces on a red background", seed: 7 }) {
    job {
      id
      status
      seed
      progress {
        queuePosition
      }
    }
    userErrors {
      code
      field
      message
    }
  }
}

subscription Watch {
  jobEvents(jobId: "PASTE THE ID HERE") {
    __typename
    seq
    at
    ... on TokensGenerated {
      tokensDone
      tokensTotal
      tokensPerSecond
      etaMs
    }
    ... on FramesDecoded {
      firstFrame
      final
      frames {
        index
        url
      }
    }
    ... on AssetReady {
      asset {
        id
        url
        ... on VideoAsset {
          durationMs
          frameCount
          framesSha256
        }
      }
    }
    ... on JobFinished {
      job {
        status
        error {
          code
          message
        }
      }
    }
  }
}

query Library {
  jobs(first: 10) {
    nodes {
      id
      task
      status
      input
      outputs {
        url
      }
    }
  }
  models {
    name
    tasks
    examples
  }
}
`;
