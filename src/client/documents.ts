/** The operations that the client sends. */

const ASSET = `fragment AssetFields on Asset {
  __typename id kind contentType byteSize sha256 url
  ... on VideoAsset { width height framesSha256 candidate fps frameCount durationMs }
  ... on ImageAsset { width height framesSha256 candidate }
}`;

const JOB = `fragment JobFields on Job {
  id task status seed modelDigest executionProvider attempt lastSeq
  progress { tokensDone tokensTotal tokensPerSecond etaMs queuePosition }
  outputs { ...AssetFields }
  warnings { code message }
  error { code message retryable }
}
${ASSET}`;

const PAYLOAD = 'job { ...JobFields } userErrors { code field message }';

export const TEXT_TO_VIDEO = `mutation TextToVideo($input: TextToVideoInput!) { payload: textToVideo(input: $input) { ${PAYLOAD} } }
${JOB}`;
export const TEXT_TO_IMAGE = `mutation TextToImage($input: TextToImageInput!) { payload: textToImage(input: $input) { ${PAYLOAD} } }
${JOB}`;
export const CANCEL_JOB = `mutation CancelJob($input: CancelJobInput!) { payload: cancelJob(input: $input) { ${PAYLOAD} } }
${JOB}`;
export const RETRY_JOB = `mutation RetryJob($input: RetryJobInput!) { payload: retryJob(input: $input) { ${PAYLOAD} } }
${JOB}`;
export const GET_JOB = `query GetJob($id: ID!) { node(id: $id) { ...JobFields } }
${JOB}`;

export const JOB_EVENTS = `subscription JobEvents($jobId: ID!, $afterSeq: Int!, $previews: Boolean!) {
  jobEvents(jobId: $jobId, afterSeq: $afterSeq) {
    __typename jobId seq at
    ... on JobQueued { position }
    ... on JobStarted { tokensTotal executionProvider }
    ... on TokensGenerated { tokensDone tokensTotal tokensPerSecond etaMs }
    ... on FramesDecoded { candidate firstFrame final frames { index width height url dataUrl @include(if: $previews) } }
    ... on AssetReady { candidate asset { ...AssetFields } }
    ... on JobFinished { job { ...JobFields } }
  }
}
${JOB}`;
