/** What a file may ask of us before it is refused with MEDIA_TOO_LARGE. All of it is checked before, or while, it is decoded. */
export const LIMITS = {
  /** Pixels of an image, and of one frame of a clip. */
  imagePixels: 16_000_000,
  framePixels: 4096 * 2304,
  /** Frames of a clip; packets of a file, over all its streams. */
  frames: 20_000,
  packets: 100_000,
  /** Length of a clip or of a sound, ms. */
  durationMs: 15 * 60_000,
  /** Streams of a file. */
  streams: 16,
} as const;

/** Longest time for one file in the reader process, ms: then the process is killed. */
export const READ_DEADLINE_MS = 45_000;

/** Frames that are really decoded when a file is brought in; the rest is counted by its packets. */
export const FRAMES_DECODED_AT_UPLOAD = 120;
/** Raw bytes that one decoding may give back: 96 MiB, a minute of enlarged frames. */
export const RAW_BYTES = 96 * 1024 * 1024;
